import type { Call } from '@mcp-prod/rpc'
import type { Tool } from '@mcp-prod/tools'
import { tools } from './tools/index.js'

const byName = new Map(tools.map((tool) => [tool.name, tool]))

/** The tool of this name, which may be any text that a caller wrote. */
export function toolNamed(name: string | undefined): Tool | undefined {
  return name === undefined ? undefined : byName.get(name)
}

/** The tool that an entry of a request calls, if it calls one that there is. */
export function toolOf({ method, name }: Call): Tool | undefined {
  return method === 'tools/call' ? toolNamed(name) : undefined
}
