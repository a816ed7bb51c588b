import { requireToken } from '@mcp-prod/profiling'
import { corsAllowlist, hostGuard } from '@mcp-prod/security'

// How settings of this server are read. What is wrong with one is thrown, at best by the middleware that will use it, and listed
// with every other fault.

export function hosts(text: string): string[] {
  const hosts = items(text)
  hostGuard({ hosts })
  return hosts
}

export function origins(text: string): string[] {
  const origins = items(text)
  corsAllowlist(origins)
  return origins
}

export function pem(text: string): string {
  if (!/^-----BEGIN [A-Z ]+-----$/m.test(text)) throw new Error('it is not in PEM format')
  return text
}

/** `none`: the platform has one port, and probes are on it. */
export function adminPort(text: string): number | 'none' {
  if (text === 'none') return text
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new Error('it is neither a port from 0 to 65535 nor none')
}

export function adminToken(text: string): string {
  requireToken(text)
  return text
}

/** One a line or between commas, the newest first. */
export function stateKeys(text: string): string[] {
  const keys = text.split(/[\n,]/).map((key) => key.trim())
  const given = keys.filter((key) => key !== '')
  if (given.length === 0) throw new Error('it holds no key')
  if (given.some((key) => Buffer.byteLength(key) < 32))
    throw new Error('each key must have 32 bytes or more')
  // Who can guess a key can sign answers that no human gave.
  if (given.some((key) => new Set(key).size < 10))
    throw new Error('a key repeats few characters; make one with `openssl rand -base64 32`')
  if (new Set(given).size < given.length) throw new Error('it holds a key twice')
  return given
}

export function auditTarget(text: string): string {
  if (!/^std(?:out|err)$|\//.test(text))
    throw new Error('it is not stdout, stderr or a path with a /')
  return text
}

export function share(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new Error('it is no number from 0 to 1')
  return value
}

/** Not secret and so shown by --print-config: a key beside the certificate, as HAProxy has it, must not be. */
export function certificates(text: string): string {
  if (text.includes('PRIVATE KEY'))
    throw new Error('it holds a private key, which belongs in TLS_KEY')
  return pem(text)
}

function items(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
