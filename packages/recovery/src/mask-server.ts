import { maskAll, maskUpdates } from './mask-callbacks.js'
import type { Mask, Place, Run } from './masking.js'
import { hasMethods, requireOption } from './options.js'

// biome-ignore lint/suspicious/noExplicitAny: methods of the SDK, whose overloads fit no narrower type
type Method = (...given: any[]) => unknown

/** `McpServer` or `Server` of the MCP SDK, of either line, as far as they are used here. */
export type MaskableServer =
  | { registerTool: Method; server: { setRequestHandler: Method; connect: Method } }
  | { setRequestHandler: Method; connect: Method }

/** Public methods that take a function of the author's last, and what they register. */
const REGISTERING = {
  registerTool: 'tool',
  tool: 'tool',
  registerPrompt: 'prompt',
  prompt: 'prompt',
  registerResource: 'resource',
  resource: 'resource',
} as const

type Kind = (typeof REGISTERING)[keyof typeof REGISTERING]
type Methods = Record<string, Run>

/** Where an `McpServer` keeps what is registered: looked at only to tell who calls too late. */
const REGISTERED = ['Tools', 'Prompts', 'Resources', 'ResourceTemplates'].map(
  (what) => `_registered${what}`,
)

/** Masks what will be registered at an `McpServer`, and the handlers of the server inside. */
export function maskRegistrations(given: MaskableServer, mask: Mask, isLowMasked: boolean): void {
  const server = given as unknown as Methods & { server: MaskableServer }
  const registered = server as unknown as Record<string, object | undefined>
  const isEmpty = REGISTERED.every((key) => Object.keys(registered[key] ?? {}).length === 0)
  requireEmpty(isEmpty, server)
  let registering = false

  function replace(object: Methods, method: string, kind: Kind): void {
    const register = object[method] as Run
    object[method] = function registerMasked(name, ...rest) {
      const place = placeOf(kind, name)
      const outer = registering
      registering = true
      try {
        return maskUpdates(register.call(object, name, ...maskAll(rest, mask, place)), mask, place)
      } finally {
        registering = outer
      }
    }
  }
  for (const [method, kind] of Object.entries(REGISTERING))
    if (hasMethods(server, method)) replace(server, method, kind)
  const tasks = (server as { experimental?: { tasks?: unknown } }).experimental?.tasks
  if (hasMethods(tasks, 'registerToolTask')) replace(tasks as Methods, 'registerToolTask', 'tool')
  maskSchemas(server, mask)
  if (!isLowMasked) replaceHandlers(server.server as unknown as Methods, mask, () => registering)
}

/** Masks the handlers that will be set at a low-level `Server`. */
export function maskHandlers(given: MaskableServer, mask: Mask): void {
  const server = given as unknown as Methods
  requireEmpty(!['tools/call', 'prompts/get', 'resources/read'].some(isSet), server)
  replaceHandlers(server, mask, () => false)

  function isSet(method: string): boolean {
    if (!hasMethods(server, 'assertCanSetRequestHandler')) return false
    try {
      server.assertCanSetRequestHandler?.(method)
      return false
    } catch {
      return true
    }
  }
}

function requireEmpty(isEmpty: boolean, server: unknown): void {
  const requirement =
    'one that has no tools, prompts, resources or handlers yet (call maskErrors right after it is made)'
  requireOption(isEmpty, 'server', requirement, server)
}

function placeOf(kind: Kind, name: unknown): Place {
  return { message: `${kind} failed`, fields: { [kind]: name } }
}

/** Handlers of the SDK's own run functions that are masked by themselves, but for the completers and schemas of prompts. */
function replaceHandlers(server: Methods, mask: Mask, isSdks: () => boolean): void {
  const set = server.setRequestHandler as Run
  server.setRequestHandler = function setMaskedHandler(...given) {
    const ofSdk = isSdks()
    const handler = given.pop() as Run
    if (typeof handler !== 'function') return set.call(server, ...given, handler)
    return set.call(
      server,
      ...given,
      mask(handler, ([request]) => {
        const { method = given[0], params } = Object(request) as Asked
        if (ofSdk && method !== 'completion/complete' && method !== 'prompts/get') return undefined
        const prompt = ofSdk ? { prompt: params?.ref?.name ?? params?.name } : {}
        return { message: 'request failed', fields: { rpcMethod: method, ...prompt } }
      }),
    )
  }
}

interface Asked {
  method?: unknown
  params?: { name?: unknown; ref?: { name?: unknown } }
}

/** What a schema throws, as a transform that looks something up, comes out of these two. */
function maskSchemas(server: Methods, mask: Mask): void {
  for (const method of ['validateToolInput', 'validateToolOutput']) {
    const validate = server[method]
    if (validate)
      server[method] = mask(validate.bind(server), ([_tool, _value, name]) => placeOf('tool', name))
  }
}
