import { createHash, randomBytes } from 'node:crypto'

/** A key for development: 256 random bits, and the SHA-256 the server holds instead of it, in hex. */
export function developmentKey(): { devKey: string; devKeyHash: string } {
  const devKey = `mcp_dev_${randomBytes(32).toString('base64url')}`
  return { devKey, devKeyHash: createHash('sha256').update(devKey).digest('hex') }
}
