import {
  McpServer,
  ProtocolError,
  ProtocolErrorCode,
  Server,
  type ServerOptions,
} from '@modelcontextprotocol/server'
import type { Tool } from './define.js'

/**
 * To a request of the wrong shape the SDK answers -32603 with its validator's text, which quotes the request. Here
 * it is what JSON-RPC has for it: -32602.
 */
export class CheckedServer extends Server {
  protected override _wrapHandler(...[method, handler]: WrapArguments): WrapArguments[1] {
    return super._wrapHandler(method, (request, context) => {
      try {
        // The validator throws at once; what a handler of ours throws comes with its promise.
        return handler(request, context)
      } catch (error) {
        if (error instanceof ProtocolError) throw error
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Invalid params for ${method}`)
      }
    })
  }
}

type WrapArguments = Parameters<Server['_wrapHandler']>

/**
 * The SDK compares `Mcp-Param-*` headers with arguments marked `x-mcp-header` (SEP-2243) only for an `McpServer`
 * that tells it the tool's schema; this one tells it from the table.
 */
export class HeaderCheckedServer extends McpServer {
  readonly #schemas: ReadonlyMap<string, Record<string, unknown>>

  constructor(
    info: { name: string; version: string },
    options: ServerOptions,
    schemas: ReadonlyMap<string, Record<string, unknown>>,
  ) {
    super(info)
    // One that answers wrong shapes as ours does; and no capability, for which the SDK would install handlers of its own.
    Object.assign(this, { server: new CheckedServer(info, options) })
    this.#schemas = schemas
  }

  override toolInputSchemaJson(name: string): Record<string, unknown> | undefined {
    return this.#schemas.get(name)
  }
}

/** The input schemas of the tools that have such an argument, by name. */
export function mirroringTools(
  tools: readonly Tool[],
): ReadonlyMap<string, Record<string, unknown>> {
  return new Map(
    tools
      .map(({ name, listing }) => [name, listing.inputSchema] as const)
      .filter(([, schema]) => JSON.stringify(schema).includes('"x-mcp-header"')),
  )
}
