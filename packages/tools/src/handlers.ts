import type {
  CallToolResult,
  HandlerResultTypeMap,
  McpRequestContext,
  RequestMethod,
  RequestTypeMap,
  Server,
  ServerContext,
  ServerEventBus,
} from '@modelcontextprotocol/server'
import { entryList, type ListOptions, type ListRequest } from './list.js'
import { resourceList } from './list-resources.js'
import { type RequestParts, requests } from './requests.js'
import type { Inbound } from './run.js'
import { sessionEvents, type Telling } from './session-events.js'
import { tracedList } from './trace.js'
import type { Watched } from './watched.js'

type ListHandler = (request: ListRequest, inbound: Inbound) => object | Promise<object>

/** Of the SDK's server, what the methods of one instance need: the other line of the SDK has the same under other names. */
export type Host = Telling &
  Pick<
    Server,
    | 'connect'
    | 'oninitialized'
    | 'getCapabilities'
    | 'getClientCapabilities'
    | 'projectCallToolResult'
  > & {
    setRequestHandler<M extends RequestMethod>(
      method: M,
      answer: (
        request: RequestTypeMap[M],
        context: ServerContext,
      ) => Promise<HandlerResultTypeMap[M]>,
    ): void
  }

interface ServerParts {
  era: McpRequestContext['era']
  bus: ServerEventBus
  watched: Watched
  /** Whether the instance outlives its requests, as over stdio. */
  lasting: boolean
}

/** What answers each method, made once of tables; nothing in it belongs to one request. */
export function handlersOf(parts: RequestParts & { list: ListOptions }) {
  const { definitions, environmentOf, hooks, trace, list: options } = parts
  const { tools, prompts, templates } = definitions
  const traced = (method: Parameters<typeof tracedList>[0], list: ListHandler): ListHandler =>
    trace ? tracedList(method, list, trace, hooks.logger) : list
  const entries = (...args: Parameters<typeof entryList>): ListHandler => {
    const list = entryList(...args)
    return (request, { context }) => list(request, context)
  }
  return {
    ...requests(parts),
    definitions,
    listTools: traced('tools/list', entries('tools', tools, options)),
    listPrompts: traced('prompts/list', entries('prompts', prompts, options)),
    listTemplates: traced(
      'resources/templates/list',
      entries('resourceTemplates', templates, options),
    ),
    listResources: traced('resources/list', resourceList(definitions, environmentOf, options)),
  }
}

export type Handlers = ReturnType<typeof handlersOf>

/** Gives an instance of the SDK's server the methods that it has the capabilities for. */
export function install(handlers: Handlers, server: Host, parts: ServerParts): void {
  const { era, bus, watched, lasting } = parts
  const events = sessionEvents(server, bus, watched, lasting)
  server.oninitialized = events.begin
  if (lasting && era === 'modern') beginOnceConnected(server, events.begin)
  const on = <M extends RequestMethod>(
    method: M,
    answer: (request: RequestTypeMap[M], inbound: Inbound) => object | Promise<object>,
  ) =>
    server.setRequestHandler(method, (request, context) => {
      return answer(request, { context, server, era }) as Promise<HandlerResultTypeMap[M]>
    })
  const { resources, prompts, completions } = server.getCapabilities()
  on('tools/list', handlers.listTools)
  on('tools/call', async ({ params }, inbound) => {
    const result = await handlers.callTool(params.name, params.arguments, inbound)
    const tool = handlers.definitions.find({ method: 'tools/call', name: params.name })
    const schema = tool?.kind === 'tool' ? tool.listing.outputSchema : undefined
    return server.projectCallToolResult(result as CallToolResult, schema as never)
  })
  if (resources) {
    on('resources/list', handlers.listResources)
    on('resources/templates/list', handlers.listTemplates)
    on('resources/read', ({ params }, inbound) => handlers.readResource(params.uri, inbound))
    on('resources/subscribe', ({ params: { uri } }, inbound) =>
      handlers.subscribe(uri, inbound, () => events.subscribe(uri)),
    )
    on('resources/unsubscribe', ({ params }) => {
      events.unsubscribe(params.uri)
      return {}
    })
  }
  if (prompts) {
    on('prompts/list', handlers.listPrompts)
    on('prompts/get', ({ params }, inbound) =>
      handlers.getPrompt(params.name, params.arguments, inbound),
    )
  }
  if (completions)
    on('completion/complete', ({ params }, inbound) => handlers.complete(params, inbound))
}

/** 2026-07-28 has no notification by which a client says that it is there. */
function beginOnceConnected(server: Host, begin: () => void): void {
  const connect = server.connect.bind(server)
  server.connect = async (transport) => {
    await connect(transport)
    begin()
  }
}
