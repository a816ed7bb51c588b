import { X509Certificate } from 'node:crypto'
import { refuse } from './options.js'

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g

/**
 * The certificates of a PEM text in their order, at least one. OpenSSL passes over what it cannot read: of a CA file
 * cut in half it would trust the first half, of an empty one nobody, and say nothing.
 */
export function certificatesOf(
  option: string,
  pem: unknown,
): [X509Certificate, ...X509Certificate[]] {
  if (!isPem(pem)) refuse(`${option} must be a PEM text or a Buffer of one`)
  const text = String(pem)
  if (/-----(BEGIN|END)/.test(text.replaceAll(BLOCK, ''))) {
    refuse(`${option} is no complete PEM: a block without begin or end; was it read while written?`)
  }
  const blocks = [...text.matchAll(BLOCK)].filter(([, label]) => label?.endsWith('CERTIFICATE'))
  // Trusted certificates say what they are trusted for, which X509Certificate does not tell.
  const plain = blocks.every(([, label]) => label === 'CERTIFICATE')
  try {
    const [first, ...others] = blocks.map(([block]) => new X509Certificate(block))
    if (first && plain) return [first, ...others]
  } catch (error) {
    refuse(`${option} holds a certificate that cannot be read; see cause`, error)
  }
  refuse(`${option} must hold certificates as PEM, each from BEGIN CERTIFICATE to END CERTIFICATE`)
}

export function isPem(value: unknown): value is string | Buffer {
  return typeof value === 'string' || Buffer.isBuffer(value)
}
