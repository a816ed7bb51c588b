import { TLSSocket } from 'node:tls'
import type { Request } from 'express'
import { type AuthInfo, REDACTED } from './auth-info.js'
import { checkEntries, type EntryRules, matches, NAME, parseEntries, SCOPES } from './entries.js'

/** A client that may identify itself by a certificate. */
export interface ClientCertificate {
  /**
   * The certificate's subject as RFC 4514 writes it, the most specific part first: `CN=ci,O=Acme,C=SE`. Printed by
   * `openssl x509 -in client.pem -noout -subject -nameopt RFC2253,-esc_msb,-dump_unknown`.
   */
  subject: string
  /** The id of the user or service. @default the subject */
  principal?: string
  /** RFC 6749 scopes that the client has; may be empty. */
  scopes: readonly string[]
  /** The tenant that the principal belongs to, 1 to 256 printable characters. */
  tenant?: string
}

/** Says whom the certificate of a request's connection belongs to. */
export type CertificateVerifier = (req: Request) => AuthInfo | undefined

// As OpenSSL writes it, and no other way that means the same: the comparison is letter by letter.
const ATTRIBUTE = String.raw`[A-Za-z0-9.]{1,40}=(?![ #])(?:[^\p{C}\\,+"<>;]|\\(?:[ #,+"<>;\\]|[0-9A-F]{2}))+(?<![^\\] )`
const SUBJECT = new RegExp(`^(?=.{1,1024}$)${ATTRIBUTE}(?:[,+]${ATTRIBUTE})*$`, 'u')

const RULES: EntryRules = {
  subject: {
    must: 'be a subject such as CN=ci,O=Acme, as openssl x509 -nameopt RFC2253,-esc_msb,-dump_unknown prints it',
    holds: matches(SUBJECT),
    required: true,
  },
  principal: NAME,
  scopes: { ...SCOPES, required: true },
  tenant: NAME,
}

/**
 * Reads the list from JSON: an array of `ClientCertificate`.
 *
 * @throws TypeError `ERR_AUTH_CERTIFICATES` that lists every fault by index and field.
 */
export function parseClientCertificates(json: string): ClientCertificate[] {
  return checked(parseEntries('CERTIFICATES', json))
}

/**
 * Callers by TLS client certificate (mTLS), for `authenticate`. Only a certificate that the server's own client CA signed
 * counts (`socket.authorized`), only until it expires, and only a listed subject. The connection must end in this process:
 * what a proxy says in a header is not looked at.
 *
 * @throws TypeError `ERR_AUTH_CERTIFICATES` when the list is empty or an entry is faulty.
 */
export function clientCertificates(list: readonly ClientCertificate[]): CertificateVerifier {
  const entries = new Map(checked(list).map((entry) => [entry.subject, entry]))
  // Handshakes are few and requests many.
  const presented = new WeakMap<TLSSocket, Presented | undefined>()

  return function verifyCertificate({ socket }) {
    if (!(socket instanceof TLSSocket) || !isAuthorized(socket)) return undefined
    if (!presented.has(socket)) presented.set(socket, presentedOn(socket))
    const { subject = '', expiresAtMs = 0 } = presented.get(socket) ?? {}
    const entry = entries.get(subject)
    // Checked in the handshake, but connections and resumed sessions can outlive it.
    if (!entry || Date.now() >= expiresAtMs) return undefined
    const { principal = subject, scopes, tenant } = entry
    return {
      token: REDACTED,
      clientId: subject,
      scopes: [...scopes],
      expiresAt: Math.floor(expiresAtMs / 1000),
      extra: { principal, ...(tenant !== undefined && { tenant }) },
    }
  }
}

interface Presented {
  subject: string
  expiresAtMs: number
}

/** A renegotiation with a certificate that nobody signed leaves `authorized` true, and tells only in the error. */
function isAuthorized({ authorized, authorizationError }: TLSSocket): boolean {
  return authorized && !authorizationError
}

function presentedOn(socket: TLSSocket): Presented | undefined {
  const { subject, validTo = '' } = socket.getPeerX509Certificate() ?? {}
  return subject ? { subject: inOrder(subject), expiresAtMs: Date.parse(validTo) } : undefined
}

/**
 * Node writes a part a line, the least specific first, and ` + ` inside one of several attributes. In a value OpenSSL has
 * escaped whatever could be taken for a separator.
 */
function inOrder(subject: string): string {
  const parts = subject.split('\n').map((part) => part.split(' + ').reverse().join('+'))
  return parts.reverse().join(',')
}

function checked(list: unknown): ClientCertificate[] {
  return checkEntries<ClientCertificate>('CERTIFICATES', list, RULES, ['subject'])
}
