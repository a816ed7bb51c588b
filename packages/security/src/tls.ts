import { constants, createPrivateKey, type X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { refuse, shown } from './options.js'
import { certificatesOf, isPem } from './pem.js'

export type ClientCertificates = 'none' | 'optional' | 'required'

export interface TlsOptions {
  /** Private key, PEM, without passphrase. */
  key: string | Buffer
  /** Certificate chain, PEM, the server's own first. */
  cert: string | Buffer
  /** Certificates, PEM, of those who may sign clients' certificates. The system's roots may not. @default none */
  clientCa?: string | Buffer | undefined
  /**
   * Whether clients are asked for a certificate. `optional`: `req.socket.authorized` says whether they have a valid one;
   * `required`: no request of others arrives. Only with `clientCa`. @default 'optional' with `clientCa`, else 'none'
   */
  clientCertificates?: ClientCertificates | undefined
}

export interface Tls {
  certificate: X509Certificate
  context: SecureContextOptions
  clientCertificates: ClientCertificates
  /** Fingerprints of `clientCa`. */
  trusted: ReadonlySet<string>
}

const MODES: readonly unknown[] = ['none', 'optional', 'required']

/**
 * Checks the options and gives all settings of a context, so that none is lost when it is renewed.
 *
 * @param usual what `clientCertificates` is when only `clientCa` is given
 */
export function readTls(tls: TlsOptions, usual: ClientCertificates = 'optional'): Tls {
  if (!tls?.key || !tls.cert)
    refuse('tls needs key and cert, both PEM; leave it out for plain HTTP')
  const { key, cert, clientCa, clientCertificates = clientCa === undefined ? 'none' : usual } = tls
  if (!MODES.includes(clientCertificates)) {
    refuse(
      `tls.clientCertificates must be none, optional or required, got ${shown(clientCertificates)}`,
    )
  }
  if (clientCa === undefined && tls.clientCertificates !== undefined) {
    refuse('tls.clientCertificates needs tls.clientCa, whose clients are let in')
  }
  const chain = certificatesOf('tls.cert', cert)
  const [certificate] = chain
  checkKey(key, certificate)
  const authorities = clientCa === undefined ? [] : certificatesOf('tls.clientCa', clientCa)
  const context = {
    key,
    // As they were read here, so that nothing is served or trusted that was not.
    cert: chain.join(''),
    // Without any, Node would trust the system's.
    ...(clientCa !== undefined && { ca: authorities.map(String) }),
    minVersion: 'TLSv1.2',
    secureOptions: secureOptions(clientCertificates),
  } as const
  try {
    createSecureContext(context)
  } catch (error) {
    refuse('tls.key, tls.cert and tls.clientCa cannot be used; see cause', error)
  }
  const trusted = new Set(authorities.map(({ fingerprint256 }) => fingerprint256))
  return { certificate, context, clientCertificates, trusted }
}

function checkKey(key: unknown, certificate: X509Certificate): void {
  if (!isPem(key)) refuse('tls.key must be a PEM text or a Buffer of one')
  let fits: boolean
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(key))
  } catch (error) {
    refuse('tls.key must be a private key, PEM, without passphrase; see cause', error)
  }
  // OpenSSL notices only where both are of one type; with an RSA key for an EC certificate all handshakes would fail.
  if (!fits) refuse('tls.key is not the key of the first certificate in tls.cert; give both anew')
}

function secureOptions(clientCertificates: ClientCertificates): number {
  // Renegotiation costs the server more than the client, and could change the certificate behind `authorized`.
  const always = constants.SSL_OP_NO_RENEGOTIATION
  // A resumed session is not verified again, and Node calls one that never had a certificate authorized (TLS 1.3).
  return clientCertificates === 'none' ? always : always | constants.SSL_OP_NO_TICKET
}
