import type { Host } from '@mcp-prod/tools/engine'
import * as schemas from '@modelcontextprotocol/sdk/types.js'
import type { LoggingLevel, RequestMethod } from '@modelcontextprotocol/server'
import { answered } from './ask.js'
import type { CheckedServer } from './checked-server.js'
import { contextOf, type Line, type Round } from './context.js'
import type { LegacyWire } from './legacy-wire.js'
import type { AnyExtra } from './request-info.js'

/** By method what a request must look like. */
const SCHEMAS = {
  'tools/list': schemas.ListToolsRequestSchema,
  'tools/call': schemas.CallToolRequestSchema,
  'resources/list': schemas.ListResourcesRequestSchema,
  'resources/templates/list': schemas.ListResourceTemplatesRequestSchema,
  'resources/read': schemas.ReadResourceRequestSchema,
  'resources/subscribe': schemas.SubscribeRequestSchema,
  'resources/unsubscribe': schemas.UnsubscribeRequestSchema,
  'prompts/list': schemas.ListPromptsRequestSchema,
  'prompts/get': schemas.GetPromptRequestSchema,
  'completion/complete': schemas.CompleteRequestSchema,
} satisfies Partial<Record<RequestMethod, unknown>>

type AnyAnswer = (request: never, context: never) => Promise<object>

/** The server of SDK v1 under the names of SDK v2, as far as the methods of tools need them. */
export function hostOf(
  server: CheckedServer,
  capabilities: ReturnType<Host['getCapabilities']>,
  wire: LegacyWire,
): Host {
  const wants = levelOf(server)

  function setRequestHandler(method: RequestMethod, answer: AnyAnswer): void {
    async function handle(request: unknown, extra: AnyExtra): Promise<object> {
      const line = lineOf(server, extra, wants)
      const inRound = (round?: Round) =>
        answer(request as never, contextOf(method, extra, line, round) as never)
      const result = await answered(method, inRound, server, extra)
      return method === 'tools/list' ? listed(result, wire) : result
    }
    server.setRequestHandler(SCHEMAS[method as keyof typeof SCHEMAS], handle as never)
  }

  return {
    get transport() {
      return server.transport as Host['transport']
    },
    get onclose() {
      return server.onclose
    },
    set onclose(listener) {
      server.onclose = listener as () => void
    },
    get oninitialized() {
      return server.oninitialized
    },
    set oninitialized(listener) {
      server.oninitialized = listener as () => void
    },
    setRequestHandler: setRequestHandler as unknown as Host['setRequestHandler'],
    connect: (transport) => server.connect(transport as Parameters<typeof server.connect>[0]),
    getCapabilities: () => capabilities,
    getClientCapabilities: () =>
      server.getClientCapabilities() as ReturnType<Host['getClientCapabilities']>,
    getNegotiatedProtocolVersion: () => undefined,
    projectCallToolResult: (result, schema) => wire.result(result, schema),
    sendToolListChanged: () => server.sendToolListChanged(),
    sendPromptListChanged: () => server.sendPromptListChanged(),
    sendResourceListChanged: () => server.sendResourceListChanged(),
    sendResourceUpdated: (params) => server.sendResourceUpdated(params),
  }
}

function listed(result: object, wire: LegacyWire): object {
  const { tools } = result as { tools: Parameters<LegacyWire['listing']>[0][] }
  return { ...result, tools: tools.map(wire.listing) }
}

/** Not by `extra.sendNotification`: where a request names a task, it waits for tasks that nobody has. */
function lineOf(server: CheckedServer, extra: AnyExtra, wants: Line['wants']): Line {
  const { requestId: relatedRequestId, signal } = extra
  return {
    async notify(notification) {
      if (!signal.aborted) await server.notification(notification as never, { relatedRequestId })
    },
    wants,
  }
}

/** The level that the client has asked for, of this instance alone. */
function levelOf(server: CheckedServer): Line['wants'] {
  const levels: readonly LoggingLevel[] = schemas.LoggingLevelSchema.options
  let lowest = 0
  const setLevel = ({ params }: { params: { level: LoggingLevel } }) => {
    lowest = levels.indexOf(params.level)
    return {}
  }
  server.setRequestHandler(schemas.SetLevelRequestSchema, setLevel as never)
  return (level) => levels.indexOf(level) >= lowest
}
