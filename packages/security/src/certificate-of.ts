import type { X509Certificate } from 'node:crypto'
import { certificatesOf } from './pem.js'
import type { TlsOptions } from './tls.js'

export interface ServedCertificate {
  /** Its names on one line, such as `CN=mcp.example.com`. */
  subject: string
  expiresAt: Date
}

/**
 * What to log about the server's own certificate at the start.
 *
 * @throws TypeError `ERR_SECURITY_OPTION` when `cert` cannot be read.
 */
export function certificateOf({ cert }: Pick<TlsOptions, 'cert'>): ServedCertificate {
  return described(certificatesOf('tls.cert', cert)[0])
}

export function described(certificate: X509Certificate): ServedCertificate {
  const { subject, subjectAltName, validTo } = certificate
  // Some authorities leave the subject empty.
  const names = subject || subjectAltName || ''
  return { subject: names.replaceAll('\n', ', '), expiresAt: new Date(validTo) }
}
