import type { ServerContext } from '@modelcontextprotocol/server'
import { cursorOf, invalidCursor, isIndex, positionOf } from './paging.js'
import { holdsScopes, principalOf } from './principal.js'

/** An entry of a list, and the scopes that it is good for. */
export interface Listed {
  readonly scopes: readonly string[]
  readonly listing: Readonly<Record<string, unknown>>
}

export interface ListOptions {
  /** Whether a caller sees only what it holds the scopes for. */
  filtered: boolean
  pageSize: number
}

export type ListRequest = { params?: { cursor?: string | undefined } | undefined }
export type ListEntries = (request: ListRequest, context: ServerContext) => object

/**
 * Answers a list from a table made once, page by page. A cursor names a place in the whole table, so that pages stay in step for
 * a caller whose scopes change between them.
 */
export function entryList(
  member: 'tools' | 'prompts' | 'resourceTemplates',
  entries: readonly Listed[],
  { filtered, pageSize }: ListOptions,
): ListEntries {
  const whole = entries.map(({ listing }) => listing)
  return function list({ params }, context) {
    const cursor = params?.cursor
    if (cursor === undefined && !filtered && entries.length <= pageSize) return { [member]: whole }
    const principal = principalOf(context.http?.authInfo)
    const isShown = (entry: Listed) => !filtered || holdsScopes(principal, entry)
    const page: Listed['listing'][] = []
    for (let index = startOf(cursor); index < entries.length; index++) {
      const entry = entries[index] as Listed
      if (!isShown(entry)) continue
      if (page.length === pageSize) return { [member]: page, nextCursor: cursorOf(member, [index]) }
      page.push(entry.listing)
    }
    return { [member]: page }
  }

  function startOf(cursor: string | undefined): number {
    if (cursor === undefined) return 0
    const [index, more] = positionOf(member, cursor)
    if (!isIndex(index, entries.length) || more !== undefined) throw invalidCursor()
    return index
  }
}
