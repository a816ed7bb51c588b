import type { ListToolsResult, ServerContext } from '@modelcontextprotocol/server'
import type { Tool } from './define.js'
import { holdsScopes, principalOf } from './principal.js'

export type ListTools = (request: unknown, context: ServerContext) => ListToolsResult

/** Answers `tools/list` from a table made once; or, when `filtered`, with the tools whose scopes the caller holds. */
export function toolList(tools: readonly Tool[], filtered: boolean): ListTools {
  const result = (shown: readonly Tool[]) =>
    ({ tools: shown.map((tool) => tool.listing) }) as unknown as ListToolsResult
  if (!filtered) {
    const { tools: listings } = result(tools)
    return () => ({ tools: listings })
  }
  return function listCallable(_request, context) {
    const principal = principalOf(context.http?.authInfo)
    return result(tools.filter((tool) => holdsScopes(principal, tool)))
  }
}
