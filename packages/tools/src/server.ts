import type {
  AuthInfo,
  McpRequestContext,
  McpServerFactory,
  ServerEventBus,
  ServerNotifier,
  ServerOptions,
} from '@modelcontextprotocol/server'
import { cacheHintsOf } from './cache-hints.js'
import { CheckedServer, HeaderCheckedServer, mirroringTools } from './checked-server.js'
import type { Tool } from './define.js'
import { type CallLike, type Definitions, definitionsOf } from './definitions.js'
import { withoutQuotes } from './discreet.js'
import { environments } from './environments.js'
import { type Host, handlersOf, install } from './handlers.js'
import { type Listening, narrowed } from './narrow.js'
import { serverEvents } from './notifier.js'
import { flag, functionOrNone, wholeNumber } from './options.js'
import type { ToolServerOptions } from './server-options.js'
import type { Logger } from './types.js'
import { type Watched, watchedUris } from './watched.js'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** A factory for `createMcpHandler` and `serveStdio`, and what goes with it. */
export interface ToolServer extends McpServerFactory {
  /** What there is, for whatever authorises, limits or counts calls. */
  readonly definitions: Definitions
  /** Says that a list or a resource changed, to subscribers in both eras. */
  readonly notify: ServerNotifier
  /** Carries what `notify` says. */
  readonly bus: ServerEventBus
  /** Takes the bus of the handler that serves it; false where another was chosen already. */
  adoptBus(bus: ServerEventBus): boolean
  /** The resources whose changes are waited for: what to tell of when a bus may have missed something. */
  readonly watched: Watched
  /** Which of the resources that a `subscriptions/listen` names a caller may hear of, looked at until `request` aborts. */
  narrow(call: CallLike, authInfo: AuthInfo | undefined, request: AbortSignal): Promise<Listening>
}

/**
 * A factory for `createMcpHandler` and `serveStdio`. Each instance is the SDK's low-level server with handlers that read tables
 * built here, once: what a request costs does not grow with the number of tools, resources and prompts.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` when two of a kind share a name, or a switch, a number or a function is none.
 */
export function createToolServer(tools: readonly Tool[], options: ToolServerOptions): ToolServer {
  const mirrored = mirroringTools(tools)
  return toolServerOf(tools, options, ({ info, serverOptions, logger, install }) => {
    return ({ era, requestInfo }) => {
      const mirrors = mirrored.size > 0 && era === 'modern'
      const wrapper = mirrors ? new HeaderCheckedServer(info, serverOptions, mirrored) : undefined
      const server = wrapper?.server ?? new CheckedServer(info, serverOptions)
      server.onerror = (error) => logger.info('protocol error', { error: withoutQuotes(error) })
      install(server, { era, lasting: requestInfo === undefined })
      return wrapper ?? server
    }
  })
}

/** What instances of the SDK's server are made of. */
export interface ServerParts {
  info: { name: string; version: string }
  serverOptions: ServerOptions
  logger: Logger
  /** Gives an instance its methods. `lasting` says that it outlives its requests, as over stdio. */
  install(server: Host, request: { era: McpRequestContext['era']; lasting: boolean }): void
}

/**
 * The same with instances of any line of the SDK.
 *
 * @throws TypeError `ERR_TOOLS_OPTION`
 */
export function toolServerOf(
  tools: readonly Tool[],
  options: ToolServerOptions,
  factoryOf: (parts: ServerParts) => McpServerFactory,
): ToolServer {
  const { name, version, instructions, resources = [], prompts = [], logger = silent } = options
  const { onCall = () => {}, onRequest = () => {}, budget, onAbandoned, trace } = options
  const { dangerouslyIgnoreScopes = false, listOnlyCallable = false } = options
  const { listPageSize = 1000, cacheHints = {} } = options
  flag('dangerouslyIgnoreScopes', dangerouslyIgnoreScopes)
  flag('listOnlyCallable', listOnlyCallable)
  for (const [option, value] of Object.entries({ budget, onAbandoned, trace, onRequest }))
    functionOrNone(option, value)
  wholeNumber('listPageSize', listPageSize, 'entries', 1)
  const definitions = definitionsOf({ tools, resources, prompts })
  const events = serverEvents(options.bus)
  const watched = watchedUris()
  const environmentOf = environments(definitions, { ...options, logger }, events.notify)
  const filtered = listOnlyCallable && !dangerouslyIgnoreScopes
  const hooks = { onCall, onRequest, logger }
  const list = { filtered, pageSize: listPageSize }
  const handlers = handlersOf({ definitions, environmentOf, hooks, trace, list })
  const info = { name, version }
  const serverOptions: ServerOptions = {
    capabilities: capabilitiesOf(definitions),
    ...(instructions && { instructions }),
    cacheHints: cacheHintsOf(cacheHints, definitions, filtered),
  }
  const factory = factoryOf({
    info,
    serverOptions,
    logger,
    install: (server, request) =>
      install(handlers, server, { ...request, watched, bus: events.bus }),
  })
  return Object.defineProperties(factory, {
    definitions: { value: definitions },
    notify: { value: events.notify },
    bus: { get: () => events.bus },
    adoptBus: { value: events.adopt },
    watched: { value: watched },
    narrow: {
      value: (...asked: Parameters<ToolServer['narrow']>) =>
        narrowed({ definitions, environmentOf, ignoreScopes: dangerouslyIgnoreScopes }, ...asked),
    },
  }) as ToolServer
}

function capabilitiesOf(definitions: Definitions): ServerOptions['capabilities'] {
  const { resources, templates, prompts } = definitions
  const completes = [...templates, ...prompts].some(({ completers }) => completers.size > 0)
  return {
    tools: { listChanged: true },
    logging: {},
    ...(resources.length + templates.length > 0 && {
      resources: { listChanged: true, subscribe: true },
    }),
    ...(prompts.length > 0 && { prompts: { listChanged: true } }),
    ...(completes && { completions: {} }),
  }
}
