import type { Request, RequestHandler, Response } from 'express'
import { isLevel, LEVELS, type LogLevel } from './options.js'
import { type LeveledLogger, temporaryLevel } from './temporary-level.js'

const MAX_BODY_BYTES = 1024
const DEFAULT_SECONDS = 300
const MAX_SECONDS = 3600

/**
 * The level of a running process: GET tells it, PUT `{"level":"debug","seconds":300}` changes it for a time, at most an hour, so
 * that nobody forgets it; then it goes back by itself. For a private port, behind a token.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` for a logger without a level.
 */
export function logLevel(logger: LeveledLogger): RequestHandler {
  const level = temporaryLevel(logger)

  return async function logLevelHandler(req, res) {
    res.set('Cache-Control', 'no-store')
    if (req.method === 'GET') {
      res.json(level.state())
      return
    }
    if (req.method !== 'PUT') {
      res.set('Allow', 'GET, PUT').status(405).json({ error: 'only GET and PUT are allowed' })
      return
    }
    const text = await bodyOf(req).catch(() => null)
    // The client went away while it was sending.
    if (text === null) return
    if (text === undefined) return refuseLarge(req, res)
    const change = read(text)
    if (typeof change === 'string') {
      res.status(400).json({ error: change })
      return
    }
    level.set(change.level, change.seconds)
    res.json(level.state())
  }
}

/** Reads it here, so that the handler is of use on an app without a body parser. Undefined when it is too long. */
async function bodyOf(req: Request): Promise<string | undefined> {
  if (req.body !== undefined) return JSON.stringify(req.body)
  if (Number(req.headers['content-length']) > MAX_BODY_BYTES) return undefined
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

function refuseLarge(req: Request, res: Response): void {
  req.pause()
  res.set('Connection', 'close').status(413)
  res.json({ error: `the body may have ${MAX_BODY_BYTES} bytes` })
}

/** What the body asks for, or what is wrong with it. */
function read(text: string): { level: LogLevel; seconds: number } | string {
  const example = 'send JSON such as {"level":"debug","seconds":300}'
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return `the body is no JSON; ${example}`
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return `the body is no object; ${example}`
  const { level, seconds = DEFAULT_SECONDS, ...others } = body as Record<string, unknown>
  if (Object.keys(others).length > 0) return `only level and seconds are known; ${example}`
  if (!isLevel(level)) return `level must be one of ${LEVELS.join(', ')}; ${example}`
  const isTime = Number.isInteger(seconds) && Number(seconds) >= 1 && Number(seconds) <= MAX_SECONDS
  if (!isTime) return `seconds must be a whole number from 1 to ${MAX_SECONDS}; ${example}`
  return { level, seconds: Number(seconds) }
}
