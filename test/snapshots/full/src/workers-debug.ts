import { request } from 'node:http'
import { pipeline } from 'node:stream'
import { requireToken } from '@mcp-prod/profiling'
import type { WorkerInfo, Workers } from '@mcp-prod/workers'
import { type Request, type Response, Router } from 'express'
import { debugAudit } from './debug.js'
import type { Telemetry } from './telemetry.js'

/** What the body of a change of the level may have. */
const MAX_BODY_BYTES = 1_024
const TIMEOUT_MS = 5_000

/**
 * Passes on to workers what is asked at the private port. A profile is that of one of them: `?worker=2`, else the first that
 * is ready; the answer says which in `X-Worker`. The log's level is that of all.
 */
export function workersDebug(
  workers: Workers,
  telemetry: Telemetry,
  token: string | undefined,
): Router | undefined {
  if (token === undefined) return undefined
  const router = Router()
  router.use(requireToken(token, { onRefused: debugAudit(telemetry).onRefused }))
  router.all('/pprof/:kind', (req, res) => {
    const worker = workerOf(workers, req)
    if (worker) passOn(worker, req, res)
    else notReady(workers, res)
  })
  router.all('/log-level', async (req, res) => {
    const body = await bodyOf(req)
    if (body === undefined) {
      res.set('Connection', 'close').status(413)
      res.json({ error: `the body may have ${MAX_BODY_BYTES} bytes` })
      return
    }
    const answers = await Promise.all(readyOf(workers).map((worker) => levelOf(worker, req, body)))
    // A wrong body is wrong to all of them.
    const status = Math.max(...answers.map((answer) => answer.status), 0)
    if (status === 0) notReady(workers, res)
    else
      res.status(status).json({ workers: answers.map(({ worker, said }) => ({ worker, ...said })) })
  })
  return router
}

const readyOf = (workers: Workers) => workers.list().filter(({ ready }) => ready)

/** What is asked, without the worker that it is asked of. */
function asked({ originalUrl }: Request) {
  const url = new URL(originalUrl, 'http://localhost')
  const id = url.searchParams.get('worker')
  url.searchParams.delete('worker')
  return { id, path: url.pathname + url.search }
}

function workerOf(workers: Workers, req: Request): WorkerInfo | undefined {
  const { id } = asked(req)
  return readyOf(workers).find((worker) => id === null || String(worker.id) === id)
}

function notReady(workers: Workers, res: Response): void {
  const ids = readyOf(workers).map(({ id }) => id)
  res.status(404).json({ error: 'no such worker is ready', ready: ids })
}

/** The worker trusts this process to say who asks. */
function headersOf({ headers, ip }: Request) {
  const { authorization, accept } = headers
  return {
    Authorization: authorization ?? '',
    Accept: accept ?? '*/*',
    'X-Forwarded-For': ip ?? '',
  }
}

function passOn({ id, details }: WorkerInfo, req: Request, res: Response): void {
  const { method } = req
  const port = Number(details.debugPort)
  const { path } = asked(req)
  const passed = request({ host: '127.0.0.1', port, method, path, headers: headersOf(req) })
  passed.on('response', (answer) => {
    const { connection, 'keep-alive': _, ...headers } = answer.headers
    res.writeHead(answer.statusCode ?? 502, { ...headers, 'X-Worker': String(id) })
    // A connection that ends early ends the other one too.
    pipeline(answer, res, () => {})
  })
  passed.on('error', () => {
    if (!res.headersSent) res.status(502).json({ error: `worker ${id} does not answer` })
  })
  res.on('close', () => passed.destroy())
  passed.end()
}

async function levelOf({ id, details }: WorkerInfo, req: Request, body: string) {
  const { method } = req
  const hasBody = method !== 'GET' && method !== 'HEAD'
  try {
    const answer = await fetch(`http://127.0.0.1:${details.debugPort}/debug/log-level`, {
      ...{ method, headers: headersOf(req), ...(hasBody && { body }) },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const said = (await answer.json()) as object
    return { worker: id, status: answer.status, said }
  } catch {
    return { worker: id, status: 502, said: { error: 'it does not answer' } }
  }
}

async function bodyOf(req: Request): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  // Destroying the request would take the answer with it.
  for await (const chunk of req.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
