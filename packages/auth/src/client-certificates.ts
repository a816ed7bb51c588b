import { TLSSocket } from 'node:tls'
import type { Request } from 'express'
import { type AuthInfo, REDACTED } from './auth-info.js'
import {
  checkEntries,
  type EntryRules,
  PRINCIPAL,
  parseEntries,
  SCOPES,
  TENANT,
} from './entries.js'

/** A client that may identify itself by a certificate. */
export interface ClientCertificate {
  /** The certificate's subject as RFC 4514 writes it, the most specific part first: `CN=ci,O=Acme,C=SE`. */
  subject: string
  /** The id of the user or service. @default the subject */
  principal?: string
  scopes: readonly string[]
  tenant?: string
}

/** Says whom the certificate of a request's connection belongs to. */
export type CertificateVerifier = (req: Request) => AuthInfo | undefined

const RULES: EntryRules = {
  subject: { must: 'be a subject such as CN=ci,O=Acme', holds: isSubject, required: true },
  principal: PRINCIPAL,
  scopes: { ...SCOPES, required: true },
  tenant: TENANT,
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
 * counts (`socket.authorized`), and only a listed subject. The connection must end in this process: what a proxy says in
 * a header is not looked at.
 *
 * @throws TypeError `ERR_AUTH_CERTIFICATES` when the list is empty or an entry is faulty.
 */
export function clientCertificates(list: readonly ClientCertificate[]): CertificateVerifier {
  const entries = new Map(checked(list).map((entry) => [entry.subject, entry]))
  // Handshakes are few and requests many.
  const subjects = new WeakMap<TLSSocket, string | undefined>()

  return function verifyCertificate({ socket }) {
    if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined
    if (!subjects.has(socket)) subjects.set(socket, subjectOf(socket))
    const entry = entries.get(subjects.get(socket) ?? '')
    if (!entry) return undefined
    const { subject, principal = subject, scopes, tenant } = entry
    return {
      token: REDACTED,
      clientId: subject,
      scopes: [...scopes],
      extra: { principal, ...(tenant !== undefined && { tenant }) },
    }
  }
}

/** Node writes a part a line, the least specific first, and escapes what could be taken for a separator (RFC 2253). */
function subjectOf(socket: TLSSocket): string | undefined {
  return socket.getPeerX509Certificate()?.subject?.split('\n').reverse().join(',')
}

function isSubject(value: unknown): boolean {
  return typeof value === 'string' && /^[A-Za-z0-9.]{1,40}=[^\p{C}]{1,512}$/u.test(value)
}

function checked(list: unknown): ClientCertificate[] {
  return checkEntries<ClientCertificate>('CERTIFICATES', list, RULES, ['subject'])
}
