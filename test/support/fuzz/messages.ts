import type { Hostile } from './hostile.js'
import type { Random } from './random.js'

export type Header = readonly [name: string, value: string]

/** A message of MCP as a client would send it: the body, and the headers that its era wants with it. */
export interface Message {
  body: { [member: string]: unknown }
  headers: Header[]
}

const MODERN = '2026-07-28'
const LEGACY = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const
const CLIENT = { name: 'fuzz', version: '1.0.0' }

/** What this server answers at once. */
const SERVED: Record<string, object> = {
  initialize: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: CLIENT },
  ping: {},
  'server/discover': {},
  'tools/list': { cursor: 'x' },
}

const METHODS: Record<string, object> = {
  ...SERVED,
  'prompts/list': { cursor: 'x' },
  'prompts/get': { name: 'x', arguments: {} },
  'resources/list': {},
  'resources/templates/list': {},
  'resources/read': { uri: 'file:///etc/hosts' },
  'resources/subscribe': { uri: 'a://b' },
  'subscriptions/listen': { notifications: { toolsListChanged: true } },
  'completion/complete': {
    ref: { type: 'ref/prompt', name: 'x' },
    argument: { name: 'x', value: 'y' },
  },
  'logging/setLevel': { level: 'debug' },
  'tasks/get': { taskId: 'x' },
  'tasks/cancel': { taskId: 'x' },
  'sampling/createMessage': { messages: [], maxTokens: 1 },
  'elicitation/create': { message: 'x', requestedSchema: {} },
  'roots/list': {},
  'rpc.discover': {},
  'no/such/method': { x: 1 },
}

const NOTIFICATIONS: Record<string, object> = {
  'notifications/initialized': {},
  'notifications/cancelled': { requestId: 1, reason: 'x' },
  'notifications/progress': { progressToken: 1, progress: 1 },
  'notifications/roots/list_changed': {},
  'notifications/message': { level: 'error', data: 'x' },
}

/** Arguments that each tool of the templates takes. */
const ARGUMENTS: Record<string, (random: Random) => object> = {
  summarize_numbers: ({ int }) => ({
    numbers: Array.from({ length: 1 + int(20) }, () => int(1000) / 7),
  }),
  current_weather: ({ int }) => ({ latitude: int(180) - 90, longitude: int(360) - 180 }),
  countdown: ({ int }) => ({ seconds: 1 + int(20) }),
}

/** Whether its answer may take long, or never end. */
export function isSlow(text: string): boolean {
  return text.includes('countdown') || text.includes('subscriptions/listen')
}

/** A call of one of the tools; `change` may replace its arguments. */
export function toolCall(
  random: Random,
  change: (args: object) => unknown = (args) => args,
): Message {
  const names = [
    'summarize_numbers',
    'current_weather',
    'summarize_numbers',
    'current_weather',
    'countdown',
  ]
  const name = random.pick(names)
  const call = { name, arguments: change(ARGUMENTS[name]?.(random) ?? {}) }
  const modern = random.chance(0.5)
  return modern ? inEnvelope(random, 'tools/call', call, name) : plain(random, 'tools/call', call)
}

/** Any message at all, of either era, with an id of any kind. */
export function anyMessage(random: Random, hostile: Hostile): Message {
  const { chance, pick } = random
  const dice = random.int(10)
  const modern = chance(0.5)
  if (dice < 4) return withAnyId(toolCall(random), random, hostile)
  if (dice === 4) return notification(random, modern)
  if (dice === 5) return response(random)
  const [method, params] = pick(Object.entries(chance(0.4) ? SERVED : METHODS))
  const message = modern ? inEnvelope(random, method, params) : plain(random, method, params)
  return withAnyId(message, random, hostile)
}

export function modernCall(random: Random, method: string): Message {
  return inEnvelope(random, method, METHODS[method] ?? {})
}

function plain(random: Random, method: string, params: object): Message {
  const headers: Header[] = random.chance(0.5)
    ? [['MCP-Protocol-Version', random.pick(LEGACY)]]
    : []
  return { body: { jsonrpc: '2.0', id: random.int(1000), method, params }, headers }
}

function inEnvelope(random: Random, method: string, params: object, name?: string): Message {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': MODERN,
    'io.modelcontextprotocol/clientInfo': CLIENT,
    'io.modelcontextprotocol/clientCapabilities': {},
    ...(random.chance(0.3) && { progressToken: random.int(100) }),
  }
  const headers: Header[] = [
    ['MCP-Protocol-Version', MODERN],
    ['Mcp-Method', method],
  ]
  if (name !== undefined) headers.push(['Mcp-Name', name])
  return {
    body: { jsonrpc: '2.0', id: random.int(1000), method, params: { ...params, _meta } },
    headers,
  }
}

function notification(random: Random, modern: boolean): Message {
  const [method, params] = random.pick(Object.entries(NOTIFICATIONS))
  const headers: Header[] = modern ? [['MCP-Protocol-Version', MODERN]] : []
  return { body: { jsonrpc: '2.0', method, params }, headers }
}

function response({ pick, int }: Random): Message {
  const ends = [
    { result: {} },
    { error: { code: -32000, message: 'x' } },
    { result: {}, error: {} },
  ]
  return { body: { jsonrpc: '2.0', id: int(3), ...pick(ends) }, headers: [] }
}

function withAnyId(
  { body, headers }: Message,
  { chance, pick, text }: Random,
  hostile: Hostile,
): Message {
  if (chance(0.6)) return { body, headers }
  const ids = [
    '',
    '1',
    1.5,
    -1,
    0,
    null,
    true,
    {},
    [],
    '__proto__',
    'tools/list',
    text(36),
    text(5000),
    '\n',
    2 ** 53,
  ]
  return { body: { ...body, id: chance(0.8) ? pick(ids) : hostile.number() }, headers }
}
