import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { wrongOption } from './options.js'

export interface Sealing {
  /** @param place where it is kept: it can be opened nowhere else */
  seal(text: string, session: string, place: string): string
  /** The text, or undefined when it was not sealed so, with one of the keys. */
  open(sealed: string, session: string, place: string): string | undefined
}

const MIN_KEY_BYTES = 32
const MAX_KEYS = 8
const MARK = 'v1.'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/**
 * AES-256-GCM with a key for each session, derived by HKDF (RFC 5869), so that random nonces do not meet. The first key
 * seals and all of them open, so that keys can be rotated.
 *
 * @throws TypeError `ERR_REDIS_OPTION` for keys that are none; they never get into the message.
 */
export function sealing(keys: readonly (string | Uint8Array)[]): Sealing {
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > MAX_KEYS)
    throw wrongOption(`encryptionKeys must be a list of 1 to ${MAX_KEYS} keys, the newest first`)
  const secrets = keys.map(secretOf)
  const [newest] = secrets as [Buffer, ...Buffer[]]

  return {
    seal(text, session, place) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', keyOf(newest, session), nonce)
      cipher.setAAD(Buffer.from(place))
      const parts = [nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return MARK + Buffer.concat(parts).toString('base64')
    },
    open(sealed, session, place) {
      if (!sealed.startsWith(MARK)) return undefined
      const bytes = Buffer.from(sealed.slice(MARK.length), 'base64')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined
      for (const secret of secrets) {
        const text = opened(bytes, keyOf(secret, session), place)
        if (text !== undefined) return text
      }
      return undefined
    },
  }
}

function opened(bytes: Buffer, key: Buffer, place: string): string | undefined {
  const nonce = bytes.subarray(0, NONCE_BYTES)
  const options = { authTagLength: TAG_BYTES }
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, options)
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES))
    return Buffer.concat([text, decipher.final()]).toString('utf8')
  } catch {
    return undefined
  }
}

function keyOf(secret: Buffer, session: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, session, 'mcp-prod event store', 32))
}

function secretOf(key: unknown, index: number): Buffer {
  const isKey = typeof key === 'string' || key instanceof Uint8Array
  const bytes = isKey ? Buffer.from(key as string) : Buffer.alloc(0)
  if (bytes.length < MIN_KEY_BYTES)
    throw wrongOption(`encryptionKeys[${index}] must have ${MIN_KEY_BYTES} bytes or more`)
  return bytes
}
