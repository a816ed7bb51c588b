import type { Tool, ToolServer, ToolServerOptions } from '@mcp-prod/tools'
import { toolServerOf, withoutQuotes } from '@mcp-prod/tools/engine'
import type { McpServerFactory } from '@modelcontextprotocol/server'
import { CheckedServer } from './checked-server.js'
import { hostOf } from './host.js'
import { legacyWire } from './legacy-wire.js'

/**
 * `createToolServer` of `@mcp-prod/tools` with the server of SDK v1: the same options, the same behaviour, for clients of
 * 2025-11-25 and older.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` when two of a kind share a name, or a switch, a number or a function is none.
 */
export function createToolServer(tools: readonly Tool[], options: ToolServerOptions): ToolServer {
  const wire = legacyWire(tools)
  return toolServerOf(tools, options, ({ info, serverOptions, logger, install }) => {
    const { capabilities = {}, instructions } = serverOptions
    const own = { capabilities, ...(instructions && { instructions }) }
    const factory = ({ requestInfo }: Parameters<McpServerFactory>[0]) => {
      const server = new CheckedServer(info, own)
      server.onerror = (error) => logger.info('protocol error', { error: withoutQuotes(error) })
      install(hostOf(server, capabilities, wire), {
        era: 'legacy',
        lasting: requestInfo === undefined,
      })
      return server
    }
    // Whoever takes an instance connects it, closes it and tells it of changed lists: by the same methods in both lines.
    return factory as unknown as McpServerFactory
  })
}
