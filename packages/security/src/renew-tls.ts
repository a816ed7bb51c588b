import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import { described, type ServedCertificate } from './certificate-of.js'
import { refuse } from './options.js'
import { closeOutdated } from './outdated.js'
import { readTls, type Tls, type TlsOptions } from './tls.js'

interface Served {
  server: HttpsServer
  tls: Tls
  outdateConnections: () => void
}

const servedBy = new WeakMap<Server | HttpsServer, Served>()

/** Remembers what a server was made with, for `renewTls`. */
export function rememberTls(server: HttpsServer, tls: Tls, handshakeTimeoutMs: number): void {
  const outdateConnections =
    tls.clientCertificates === 'none' ? () => {} : closeOutdated(server, handshakeTimeoutMs)
  servedBy.set(server, { server, tls, outdateConnections })
}

/**
 * Puts a new key, certificate and `clientCa` into a running server of `createServer`. New connections get them at once,
 * open ones go on, and sessions from before are not resumed. Gives back what is served now.
 *
 * When `clientCa` no longer holds an authority that it held, each open connection ends what it is answering, serves one
 * more request and closes, so that its client returns with a new handshake and loses nothing. To cut off at once,
 * streams too, call `server.closeAllConnections()` next. Until handshakes begun before are over (`headersTimeoutMs`)
 * new connections serve one request each as well.
 *
 * Leave `clientCertificates` out, or as it is: it belongs to the server, and so does whether there is a `clientCa`.
 *
 * @throws TypeError `ERR_SECURITY_OPTION`, and the old ones stay in force: when a PEM cannot be read, when the
 * key is not the certificate's (as while files are being replaced), for another `clientCertificates`, and for a server that
 * `createServer` did not make with `tls`.
 */
export function renewTls(server: Server | HttpsServer, tls: TlsOptions): ServedCertificate {
  const served = servedBy.get(server)
  if (!served) refuse('renewTls needs a server that createServer made with tls')
  const mode = served.tls.clientCertificates
  const next = readTls(tls, mode === 'none' ? 'optional' : mode)
  if (next.clientCertificates !== mode) {
    refuse(
      `tls.clientCertificates of this server is ${mode} and cannot become ${next.clientCertificates}; ` +
        'keep it and tls.clientCa as they were, or create another server',
    )
  }
  served.server.setSecureContext(next.context)
  const dropped = [...served.tls.trusted].some((authority) => !next.trusted.has(authority))
  if (dropped) served.outdateConnections()
  served.tls = next
  return described(next.certificate)
}
