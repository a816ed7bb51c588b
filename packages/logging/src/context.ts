import { AsyncLocalStorage } from 'node:async_hooks'
import type { Request } from 'express'
import type { Who } from './who.js'

/** More names than a program adds on purpose; a loop over a caller's keys must not fill the memory. */
const MAX_FIELDS = 32

/** What every line logged during a request carries. */
export interface RequestContext {
  requestId: string
  fields: Map<string, unknown>
  /** Who asks, as far as it is known by now. */
  who: () => Who
}

/** Not exported from the package: whoever could enter it could forge request ids. */
export const contextStorage = new AsyncLocalStorage<RequestContext>()

const contexts = new WeakMap<Request, RequestContext>()

/** Remembers the context of a request; undefined when it has one already. */
export function openContext(
  req: Request,
  requestId: string,
  who: () => Who,
): RequestContext | undefined {
  if (contexts.has(req)) return undefined
  const context = { requestId, fields: new Map<string, unknown>(), who }
  contexts.set(req, context)
  return context
}

/** The id that `requestLog` gave a request; undefined when it did not see it. */
export function requestIdOf(req: Request): string | undefined {
  return contexts.get(req)?.requestId
}

/** The id of the request that the running code works for; undefined outside of one. */
export function currentRequestId(): string | undefined {
  return contextStorage.getStore()?.requestId
}

/**
 * Adds fields to every later line of the current request, its access line included. A name that is there
 * already is replaced; a line's own fields win over these. At most 32 names are kept. Does nothing outside of a request.
 */
export function addLogFields(fields: Record<string, unknown>): void {
  const kept = contextStorage.getStore()?.fields
  if (!kept) return
  for (const [key, value] of Object.entries(fields)) {
    if (kept.size < MAX_FIELDS || kept.has(key)) kept.set(key, value)
  }
}
