import type { ToolHandler, ToolHandlerOptions } from '@mcp-prod/tools'
import { type CreateHandler, handlerOver, serverEvents } from '@mcp-prod/tools/engine'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import type { AuthInfo, McpServerFactory } from '@modelcontextprotocol/server'
import { refusalOf } from './era.js'

/**
 * `toolHandler` of `@mcp-prod/tools` for a factory whose servers are of SDK v1: every revision up to 2025-11-25, statelessly.
 * `subscriptions/listen` does not exist there, so what limits its streams is taken and has nothing to limit.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a number that is none, is negative or is too long for a timer, or a second bus.
 */
export function toolHandler(
  factory: McpServerFactory,
  options: ToolHandlerOptions = {},
): ToolHandler {
  return handlerOver(legacyHandler, factory, options)
}

/** A server and a transport of its own for each POST, which end with its answer. */
const legacyHandler: CreateHandler = (factory, { onerror, keepAliveMs, bus }) => {
  const events = serverEvents(bus)

  async function answer(request: Request, body: unknown, authInfo: AuthInfo | undefined) {
    // What the client no longer waits for is not begun.
    if (request.signal.aborted) return new Response(null, { status: 499 })
    const server = await serverOf(factory, request, authInfo)
    const transport = new WebStandardStreamableHTTPServerTransport({ keepAliveMs })
    await server.connect(transport)
    const end = () => void server.close().catch(onerror)
    request.signal.addEventListener('abort', end, { once: true })
    if (request.signal.aborted) end()
    const given = { parsedBody: body, ...(authInfo && { authInfo }) }
    const response = await transport.handleRequest(request, given).catch((error) => {
      end()
      throw error
    })
    if (response.headers.get('content-type') !== 'text/event-stream' || !response.body) {
      end()
      return response
    }
    return new Response(ReadableStream.from(withEnd(response.body, end)), response)
  }

  return {
    bus: events.bus,
    notify: events.notify,
    async fetch(request, { parsedBody, authInfo } = {}) {
      try {
        const refusal = refusalOf(request, parsedBody)
        if (refusal) {
          onerror(new Error(`Refused request: ${refusal.code}`))
          return errorResponse(refusal, parsedBody)
        }
        if (request.method !== 'POST') return errorResponse(NOT_ALLOWED, undefined)
        return await answer(request, parsedBody, authInfo)
      } catch (error) {
        onerror(error as Error)
        return errorResponse(FAILED, parsedBody)
      }
    },
    async close() {},
  }
}

const NOT_ALLOWED = { status: 405, code: -32000, message: 'Method not allowed.' }
const FAILED = { status: 500, code: -32603, message: 'Internal server error' }

async function serverOf(
  factory: McpServerFactory,
  requestInfo: Request,
  authInfo: AuthInfo | undefined,
): Promise<Server> {
  const context = { era: 'legacy' as const, requestInfo, ...(authInfo && { authInfo }) }
  return (await factory(context)) as unknown as Server
}

async function* withEnd(body: ReadableStream<Uint8Array>, end: () => void) {
  try {
    yield* body
  } finally {
    end()
  }
}

function errorResponse(
  { status, ...error }: { status: number; code: number; message: string; data?: unknown },
  body: unknown,
): Response {
  const { method, id } = (body ?? {}) as { method?: unknown; id?: unknown }
  const echoed = typeof method === 'string' && ['string', 'number'].includes(typeof id)
  const headers = status === 405 ? { Allow: 'POST' } : undefined
  return Response.json(
    { jsonrpc: '2.0', error, id: echoed ? id : null },
    { status, ...(headers && { headers }) },
  )
}
