import { outgoingHeaders } from './deadline.js'
import { HttpError } from './http-error.js'
import type { WireRequest } from './http-exchange.js'
import { mergeHeaders, type RequestHeaders, withTrace } from './http-headers.js'

export interface HttpRequest {
  /** @default 'GET' */
  method?: string
  headers?: Record<string, string | undefined>
  body?: string | Uint8Array
  /** The caller's: the request ends with its reason as soon as it aborts. */
  signal?: AbortSignal
  /** Whether sending it twice does no harm; only then it is retried. @default true for GET HEAD OPTIONS PUT DELETE */
  idempotent?: boolean
}

export interface ReadRequest {
  /** Client, method, origin and path, for errors. */
  what: string
  /**
   * For each attempt anew: there is less time left than at the first.
   *
   * @param trace headers in place of the trace context of the current request.
   */
  wire: (trace?: Record<string, string>) => WireRequest
  url: URL
  method: string
  idempotent: boolean
  signal: AbortSignal | undefined
}

const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])
const METHOD = /^[A-Z][A-Z-]*$/

/** Checks all that comes from the caller, so that no caller's mistake counts against the server. @throws HttpError */
export function readRequest(
  name: string,
  url: URL,
  init: HttpRequest,
  common: (() => RequestHeaders) | undefined,
): ReadRequest {
  const { headers = {}, body, signal } = init
  const method = String(init.method ?? 'GET').toUpperCase()
  const isSendable = METHOD.test(method) && method !== 'CONNECT' && method !== 'TRACE'
  const what = `${name}: ${isSendable ? `${method} ` : ''}${url.origin}${url.pathname.slice(0, 200)}`
  if (!isSendable) throw new HttpError(what, 'refused, the method cannot be sent')
  if (body !== undefined && typeof body !== 'string' && !(body instanceof Uint8Array))
    throw new HttpError(what, 'refused, the body is neither text nor bytes')
  const given = mergeHeaders(what, { 'accept-encoding': 'identity' }, common?.() ?? {}, headers)
  const path = `${url.pathname}${url.search}`
  return {
    what,
    wire: (trace) => {
      const headers = mergeHeaders(what, outgoingHeaders(), given)
      return { method, path, headers: trace ? withTrace(headers, trace) : headers, body }
    },
    url,
    method,
    idempotent: init.idempotent ?? IDEMPOTENT.has(method),
    signal,
  }
}
