import type { BreakerOptions } from './breaker.js'
import {
  requireBoolean,
  requireCount,
  requireFunction,
  requireGroup,
  requireMilliseconds,
  requireOption,
  requireText,
} from './options.js'
import {
  type PolicyEvent,
  type RetryOptions,
  readPolicyOptions,
  type TimeoutOptions,
} from './policy-options.js'
import type { TraceRequest } from './trace.js'

/** What the policy of one origin did; `policy` is the client's name. */
export type HttpEvent = PolicyEvent & { origin: string }

export interface HttpClientOptions {
  /**
   * What all requests are relative to, ending in `/`; none may leave it. Its host may be private and plain http will do.
   * @default none: requests need absolute URLs
   */
  baseUrl?: string | URL
  /**
   * Hosts trusted by name, `name` or `name:port`: their addresses may be private, and on this machine plain http will
   * do. Of all others only https to public addresses is accepted. @default []
   */
  privateHosts?: readonly string[]
  /** Take plain http also to other machines: whoever is on the way can read and write along. @default false */
  dangerouslyAllowHttp?: boolean
  /** Connections to one origin, and requests to it at once. @default 32 */
  connections?: number
  /** Requests that may wait for a connection to one origin. @default 128 */
  queue?: number
  /** Milliseconds for a connection, name look-up and TLS included. @default 2000 */
  connectTimeoutMs?: number
  /** Milliseconds from sending to the headers of the answer. @default 5000 */
  headersTimeoutMs?: number
  /** Milliseconds between two parts of the body. @default 5000 */
  bodyTimeoutMs?: number
  /** For a whole request with its retries, and for one attempt. */
  timeout?: TimeoutOptions
  /** Bytes of an answer's body; one with more is an error. @default 1048576 */
  maxResponseBytes?: number
  /** Bytes of an answer's headers. @default 16384 */
  maxHeaderBytes?: number
  /** Milliseconds that an idle connection is kept; less where the server says so. @default 4000 */
  keepAliveMs?: number
  /** Milliseconds after which a connection is not used again, so that a change in DNS is noticed. @default 300000 */
  maxConnectionAgeMs?: number
  /** Origins with connections and a breaker of their own; the one idle for longest makes room. @default 64 */
  maxOrigins?: number
  /** Headers for every request, such as the request id. @default none */
  headers?: () => Record<string, string | undefined>
  /** Only for idempotent requests. */
  retry?: false | RetryOptions
  /** One for each origin. By default 5xx and requests without an answer are failures. */
  breaker?: false | BreakerOptions
  /** Called around each attempt, such as `traceClient` of `@mcp-prod/tracing`. What it throws is ignored. @default none */
  trace?: TraceRequest
  /** Told of everything that the policies do. What it throws is ignored. */
  onEvent?: (event: HttpEvent) => void
}

export type HttpClientSettings = ReturnType<typeof readHttpClientOptions>

/** @throws TypeError `ERR_RESILIENCE_OPTION` */
export function readHttpClientOptions(name: string, options: HttpClientOptions) {
  requireText('name of httpClient', name)
  requireGroup('options of httpClient', options)
  const { baseUrl, privateHosts = [], dangerouslyAllowHttp = false, headers } = options
  const { onEvent, trace } = options
  const { connections = 32, queue = 128, maxOrigins = 64, timeout, retry, breaker } = options
  const { connectTimeoutMs = 2_000, headersTimeoutMs = 5_000, bodyTimeoutMs = 5_000 } = options
  const { maxResponseBytes = 1_048_576, maxHeaderBytes = 16_384 } = options
  const { keepAliveMs = 4_000, maxConnectionAgeMs = 300_000 } = options
  const times = {
    connectTimeoutMs,
    headersTimeoutMs,
    bodyTimeoutMs,
    keepAliveMs,
    maxConnectionAgeMs,
  }
  for (const [option, value] of Object.entries(times)) requireMilliseconds(option, value)
  const counts = { connections, maxOrigins, maxResponseBytes, maxHeaderBytes }
  for (const [option, value] of Object.entries(counts)) requireCount(option, value, 1)
  requireCount('queue', queue, 0)
  requireHosts(privateHosts)
  requireBoolean('dangerouslyAllowHttp', dangerouslyAllowHttp)
  if (headers !== undefined) requireFunction('headers', headers)
  if (onEvent !== undefined) requireFunction('onEvent', onEvent)
  if (trace !== undefined) requireFunction('trace', trace)
  const policy = { timeout, retry, breaker }
  const { totalMs } = readPolicyOptions(policy)
  const target = { baseUrl: readBaseUrl(baseUrl), privateHosts, dangerouslyAllowHttp }
  const limits = { headersTimeoutMs, bodyTimeoutMs, maxResponseBytes }
  const connection = { connectTimeoutMs, keepAliveMs, maxHeaderBytes }
  return {
    ...{ name, target, limits, connection, connections, queue, maxOrigins, maxConnectionAgeMs },
    ...{ policy, totalMs, headers, onEvent, trace },
  }
}

/** With the underscore, which DNS leaves to other uses, but container networks have in their names. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/i

function requireHosts(value: unknown): void {
  const hosts = Array.isArray(value) ? value : [value]
  const isHost = (host: unknown) => typeof host === 'string' && HOST.test(host)
  const holds = Array.isArray(value) && hosts.every(isHost)
  const wrong = hosts.find((host) => !isHost(host)) ?? value
  requireOption(holds, 'privateHosts', 'an array of hosts such as api.internal:8443', hidden(wrong))
}

function readBaseUrl(value: unknown): URL | undefined {
  if (value === undefined) return undefined
  const text = value instanceof URL ? value.href : value
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url?.username === '' && url.password === '' && !/[?#]/.test(String(text))
  requireOption(
    isPlain && /^https?:$/.test(url.protocol) && url.pathname.endsWith('/'),
    'baseUrl',
    'an absolute http or https URL without credentials, query and fragment, its path ending in /',
    hidden(text),
  )
  return url
}

/** An option's error goes to the log, and a URL may hold credentials and keys. */
function hidden(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value.replace(/^.*@/s, '[hidden]@').replace(/[?#].*$/s, '?[hidden]')
}
