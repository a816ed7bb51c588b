import { type Call, callsOf } from '@mcp-prod/rpc'
import type { Request } from 'express'
import { asks } from './asks.js'
import { fault, isWhole } from './options.js'
import type { Claim } from './slots.js'
import { refuseUnreadBody } from './unread-body.js'

export interface ClaimSettings {
  keyOf: (req: Request) => string
  perPrincipal: (req: Request) => number
  capOfTool: (tool: string) => number | undefined
  toolOf: (call: Call) => string | undefined
}

const NONE: Claim['tools'] = new Map()

/**
 * The slots that a request needs, by its parsed body: one for each call, and one of each tool that has a cap. Undefined for
 * what takes none: a request without calls, a notification, and a stream, which has caps of its own.
 */
export function claimOf(req: Request, settings: ClaimSettings): Claim | undefined {
  const calls = callsOf(req)
  if (calls.length === 0) refuseUnreadBody(req, 'limitConcurrency')
  if (!Array.isArray(req.body) && calls[0]?.method === 'subscriptions/listen') return undefined
  const running = calls.filter(asks)
  if (running.length === 0) return undefined
  return {
    principal: settings.keyOf(req),
    principalCap: checkedCap('perPrincipal', settings.perPrincipal(req)),
    calls: running.length,
    tools: toolsOf(running, settings),
  }
}

function toolsOf(calls: readonly Call[], { capOfTool, toolOf }: ClaimSettings): Claim['tools'] {
  let tools: Map<string, { calls: number; cap: number }> | undefined
  for (const call of calls) {
    const tool = toolOf(call)
    const cap = tool === undefined ? undefined : capOfTool(tool)
    if (tool === undefined || cap === undefined) continue
    tools ??= new Map()
    const asked = tools.get(tool)
    if (asked) asked.calls++
    else tools.set(tool, { calls: 1, cap: checkedCap('perTool', cap) })
  }
  return tools ?? NONE
}

function checkedCap(option: string, cap: unknown): number {
  if (isWhole(cap, 1)) return cap
  throw fault(
    'ERR_RATELIMIT_CAP',
    `${option} must return a whole number of calls, 1 or more, got ${String(cap)}`,
  )
}
