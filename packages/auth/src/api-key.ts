import { createHash, randomBytes } from 'node:crypto'
import { requireOption } from './options.js'

const KEY = /^mcp_([A-Za-z0-9-]{1,64})_/
const KEY_ID = /^[A-Za-z0-9-]{1,64}$/

/**
 * The SHA-256 of a key, in hex: what the server keeps. A fast hash without salt is enough because the secret is
 * 32 random bytes; it would not be for a secret that a person chose.
 */
export function hashApiKey(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}

/**
 * Makes a key `mcp_<id>_<secret>` with 32 random bytes as its secret (base64url). Show `key` once to its user,
 * keep `hash`. The id is public: the server finds the key by it without comparing secrets.
 *
 * @param id 1 to 64 letters, digits and hyphens. @default 12 random hex digits
 * @throws TypeError `ERR_AUTH_OPTION` for another id.
 */
export function generateApiKey(id: string = randomBytes(6).toString('hex')): {
  id: string
  key: string
  hash: string
} {
  requireOption(isKeyId(id), 'id', '1 to 64 letters, digits and hyphens', id)
  const key = `mcp_${id}_${randomBytes(32).toString('base64url')}`
  return { id, key, hash: hashApiKey(key) }
}

export function isKeyId(value: unknown): value is string {
  return typeof value === 'string' && KEY_ID.test(value)
}

/** The id that a key names; undefined for a text that is no key. An id has no `_`, so a key has one reading. */
export function keyIdOf(text: string): string | undefined {
  return KEY.exec(text)?.[1]
}
