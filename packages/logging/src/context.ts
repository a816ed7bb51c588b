import { AsyncLocalStorage } from 'node:async_hooks'
import type { Request } from 'express'
import type { Who } from './who.js'

/** More names than a program adds on purpose; a loop over a caller's keys must not fill the memory. */
const MAX_FIELDS = 32

/** What every line logged during a request carries. */
export interface RequestContext {
  requestId: string
  /** Made when the first is added: most requests add none. */
  fields: Map<string, unknown> | undefined
  /** Who asks, as far as it is known by now. */
  who: () => Who
}

/** Not exported from the package: whoever could enter it could forge request ids. */
export const contextStorage = new AsyncLocalStorage<RequestContext>()

/** Where a request keeps its context. No WeakMap, since an entry for each request keeps the garbage collector busy. */
const CONTEXT = Symbol('context')
const keeper = (req: Request) => req as Request & { [CONTEXT]?: RequestContext }

/** Remembers the context of a request; undefined when it has one already. */
export function openContext(
  req: Request,
  requestId: string,
  who: () => Who,
): RequestContext | undefined {
  if (keeper(req)[CONTEXT]) return undefined
  const context = { requestId, fields: undefined, who }
  keeper(req)[CONTEXT] = context
  return context
}

/** The id that `requestLog` gave a request; undefined when it did not see it. */
export function requestIdOf(req: Request): string | undefined {
  return keeper(req)[CONTEXT]?.requestId
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
  const context = contextStorage.getStore()
  if (!context) return
  context.fields ??= new Map()
  const { fields: kept } = context
  for (const [key, value] of Object.entries(fields)) {
    if (kept.size < MAX_FIELDS || kept.has(key)) kept.set(key, value)
  }
}
