import { type Call, callsOf, eraOf } from '@mcp-prod/rpc'
import type { Request, Response } from 'express'
import { cut } from './who.js'

/** Notes what is only known now: a socket that is gone has no address any more. */
export function observe(req: Request, res: Response, requestId: string) {
  const startMs = performance.now()
  const { socket } = req
  const bytesBefore = socket.bytesWritten
  return () => ({
    requestId,
    method: req.method,
    path: cut(req.originalUrl.split('?', 1)[0] ?? ''),
    status: statusOf(res),
    durationMs: Math.round((performance.now() - startMs) * 10) / 10,
    bytes: socket.bytesWritten - bytesBefore,
  })
}

/**
 * 499 (nginx) when the connection ended before the answer did: `statusCode` says 200 then, or nothing true. A refusal
 * that was begun keeps its status: the answer to a refused upload ends only when its sender goes.
 */
function statusOf({ headersSent, statusCode, writableFinished }: Response): number {
  return writableFinished || (headersSent && statusCode >= 400) ? statusCode : 499
}

/** What the body asked for: each method and tool once, for a batch can name many. */
export function rpcFields(req: Request) {
  const calls = callsOf(req)
  return {
    rpcMethod: distinct(calls, (call) => call.method),
    tool: distinct(calls, (call) => (call.method === 'tools/call' ? call.name : undefined)),
    era: calls.length > 0 ? eraOf(req) : undefined,
    batch: calls.length > 1 ? calls.length : undefined,
  }
}

function distinct(
  calls: readonly Call[],
  textOf: (call: Call) => string | undefined,
): string | undefined {
  const [first] = calls
  if (first && calls.length === 1) return cut(textOf(first) ?? '') || undefined
  const names = new Set<string>()
  for (const call of calls) {
    const text = textOf(call)
    if (text) names.add(cut(text))
  }
  return cut([...names].join(',')) || undefined
}

/**
 * Whether the answer is a stream that lasts as long as its client likes. The answer to a call is none, also where it comes
 * as events; nor is a batch in which a subscription stands beside calls.
 */
export function isLasting(req: Request, res: Response): boolean {
  if (!/^text\/event-stream\b/i.test(String(res.getHeader('Content-Type')))) return false
  const calls = callsOf(req)
  if (req.method === 'GET') return true
  return calls.length > 0 && calls.every((call) => call.method === 'subscriptions/listen')
}
