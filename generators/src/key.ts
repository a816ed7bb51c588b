import { createHash, randomBytes } from 'node:crypto'

/** A key for development: 256 random bits, and the SHA-256 the server holds instead of it, in hex. */
export function developmentKey(): { devKey: string; devKeyHash: string } {
  const devKey = `mcp_dev_${randomSecret()}`
  return { devKey, devKeyHash: createHash('sha256').update(devKey).digest('hex') }
}

/** What the server shows the authorization server for development to be let in as its client: 256 random bits. */
export function developmentClient(): { devClientSecret: string } {
  return { devClientSecret: randomSecret() }
}

function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}

/** Signs what clients keep between two rounds of a call; for development. */
export function developmentStateKey(): { devStateKey: string } {
  return { devStateKey: randomSecret() }
}

/** The password of the databases for development. */
export function developmentPassword(): { devPassword: string } {
  return { devPassword: randomSecret() }
}
