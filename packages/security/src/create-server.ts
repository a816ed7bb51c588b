import { createServer as createHttpServer, type Server, type ServerOptions } from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { Express } from 'express'
import { appClasses } from './app-classes.js'
import { onCheckContinue } from './check-continue.js'
import { onClientError } from './client-error.js'
import { milliseconds, refuse, wholeNumber } from './options.js'
import { boundPipelining } from './pipelined.js'
import { rememberTls } from './renew-tls.js'
import { closeStalled } from './stalled.js'
import { readTls, type TlsOptions } from './tls.js'

export interface CreateServerOptions {
  /** Serve HTTPS, TLS 1.2 at least; see `renewTls`. @default plain HTTP, for a proxy in front that ends TLS */
  tls?: TlsOptions
  /** Milliseconds for a request's headers to arrive, and for a TLS handshake. @default 10000, or less with `requestTimeoutMs` */
  headersTimeoutMs?: number
  /** Milliseconds for a whole request to arrive, body included. Answers take as long as they take. @default 30000 */
  requestTimeoutMs?: number
  /**
   * Milliseconds a connection may be idle between requests. Longer than the 60 s of common load balancers: the side
   * that closes first must be the balancer, or it sends requests into closing connections (502). @default 65000
   */
  keepAliveTimeoutMs?: number
  /** Milliseconds for which a client may take nothing of an answer that waits for it. @default 60000 */
  sendTimeoutMs?: number
  /** Open connections; further ones are closed at once. @default 10000 */
  maxConnections?: number
  /** Bytes of request line and headers together. @default 16384 */
  maxHeaderBytes?: number
}

/**
 * An HTTP or HTTPS server for an Express app, not listening yet, that slow and malformed senders cannot hold. Streams are
 * not cut: no time here bounds an answer, only how long a client may leave it untaken. Express runs up to three times as fast on it (see `appClasses`); give it
 * the app before `app.request` and `app.response` are handed to anything else.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` for wrong options, and when key, certificate or `clientCa` cannot be used.
 */
export function createServer(
  app: Express,
  options: CreateServerOptions & { tls: TlsOptions },
): HttpsServer
export function createServer(
  app: Express,
  options?: CreateServerOptions & { tls?: undefined },
): Server
export function createServer(app: Express, options?: CreateServerOptions): Server | HttpsServer
export function createServer(
  app: Express,
  options: CreateServerOptions = {},
): Server | HttpsServer {
  const { tls, requestTimeoutMs = 30_000, keepAliveTimeoutMs = 65_000 } = options
  const { headersTimeoutMs = Math.min(10_000, requestTimeoutMs) } = options
  const { sendTimeoutMs = 60_000, maxConnections = 10_000, maxHeaderBytes = 16 * 1024 } = options
  milliseconds('requestTimeoutMs', requestTimeoutMs)
  milliseconds('headersTimeoutMs', headersTimeoutMs)
  milliseconds('keepAliveTimeoutMs', keepAliveTimeoutMs)
  milliseconds('sendTimeoutMs', sendTimeoutMs)
  wholeNumber('maxConnections', maxConnections, 'connections')
  wholeNumber('maxHeaderBytes', maxHeaderBytes, 'bytes')
  if (headersTimeoutMs > requestTimeoutMs) {
    refuse('headersTimeoutMs must not exceed requestTimeoutMs: headers are part of the request')
  }
  if (typeof app !== 'function' || !app.request || !app.response) {
    refuse('app must be an Express app, as express() returns it')
  }

  const settings = {
    ...appClasses(app),
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    // Node looks for late senders at this interval, every 30 s by default: a 10 s limit would be one of 40 s.
    connectionsCheckingInterval: Math.max(20, Math.min(1000, Math.floor(headersTimeoutMs / 10))),
    maxHeaderSize: maxHeaderBytes,
    // Also where the process was started with --insecure-http-parser.
    insecureHTTPParser: false,
    // With no limit on a stream's life only TCP can notice a peer that has vanished.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  }
  const server = listenerOf(app, settings, headersTimeoutMs, tls)
  // Node drops headers after the 2,000th in silence: what stands in front would have seen another request.
  server.maxHeadersCount = 0
  server.maxConnections = maxConnections
  boundPipelining(server)
  closeStalled(server, sendTimeoutMs)
  return server.on('clientError', onClientError).on('checkContinue', onCheckContinue)
}

function listenerOf(
  app: Express,
  options: ServerOptions,
  handshakeTimeout: number,
  tls?: TlsOptions,
) {
  if (tls === undefined) return createHttpServer(options, app)
  const read = readTls(tls)
  const { context, clientCertificates } = read
  const requestCert = clientCertificates !== 'none'
  const rejectUnauthorized = clientCertificates === 'required'
  // A handshake is no request yet, and may take 120 s by default.
  const handshake = { handshakeTimeout, requestCert, rejectUnauthorized }
  const server = createHttpsServer({ ...options, ...context, ...handshake }, app)
  rememberTls(server, read, handshakeTimeout)
  return server
}
