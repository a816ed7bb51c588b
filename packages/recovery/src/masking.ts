import { randomUUID } from 'node:crypto'
import { isForCaller } from './for-caller.js'
import { guarded, type Logger } from './logger.js'

export type Run = (...given: unknown[]) => unknown

/** What a failure is called in the log. */
export interface Place {
  message: string
  fields: Record<string, unknown>
}

/** @param placeOf gets the arguments of the call that failed; without an answer the error goes on as it is. */
export type Mask = (run: Run, placeOf: (given: unknown[]) => Place | undefined) => Run

/** Errors that are masked already: they pass through further masks. */
const masked = new WeakSet<Error>()

/** Makes functions whose errors are for the log alone. */
export function masking(logger: Logger): Mask {
  return function mask(run, placeOf) {
    return async function maskedRun(this: unknown, ...given) {
      try {
        return await run.apply(this, given)
      } catch (error) {
        const place = isMasked(error) || isForCaller(error) ? undefined : placeOf(given)
        throw place ? maskOf(error, place, wasCancelled(error, given.at(-1)), logger) : error
      }
    }
  }
}

function isMasked(error: unknown): boolean {
  return masked.has(error as Error)
}

/** In the words that `@mcp-prod/tools` has. Of its properties the SDK sends `code`, `message` and `data`. */
function maskOf(
  error: unknown,
  { message, fields }: Place,
  cancelled: boolean,
  logger: Logger,
): Error {
  const correlationId = randomUUID()
  guarded(() =>
    cancelled
      ? logger.info('request cancelled', { ...fields, correlationId })
      : logger.error(message, { ...fields, correlationId, error }),
  )
  const mask = new Error(`Internal error (correlation id ${correlationId})`)
  masked.add(mask)
  return Object.assign(mask, { code: -32603, data: { correlationId } })
}

/** Whether it only says that the request was cancelled, to which no answer is sent. */
function wasCancelled(error: unknown, context: unknown): boolean {
  try {
    const { signal, mcpReq } = (context ?? {}) as Context
    const own = signal ?? mcpReq?.signal
    if (own?.aborted !== true) return false
    return error === own.reason || (error as Error | undefined)?.name === 'AbortError'
  } catch {
    return false
  }
}

/** Of a request: the first line of the SDK has its signal here, the second there. */
interface Context {
  signal?: AbortSignal
  mcpReq?: { signal?: AbortSignal }
}
