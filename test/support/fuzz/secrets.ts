import type { Random } from './random.js'

/** What nobody but its owner may ever read: no answer and no line of the log may hold a part of it. */
export interface Secrets {
  /** API keys, with every scope and with none. */
  key: string
  bareKey: string
  /** The development client's secret at the authorization server. */
  clientSecret: string
  /** Access tokens, with every scope and with none. */
  jwt: string
  bareJwt: string
  /** A password that clients put where it does not belong. */
  password: string
}

/** Long enough to be no coincidence, short enough that a cut secret still holds one whole piece. */
const PIECE = 12

/** The secrets that the test makes itself, the same for the same seed. */
export function makeSecrets({ text }: Random): Omit<Secrets, 'jwt' | 'bareJwt'> {
  return {
    key: `mcp_dev_${text(43)}`,
    bareKey: `mcp_bare_${text(43)}`,
    clientSecret: text(43),
    password: `hunter2-${text(24)}`,
  }
}

/** Finds a piece of any secret in a text, also in the base64 of Basic credentials. */
export function secretFinder(secrets: Secrets): (text: string) => string | undefined {
  const pieces = new Map<string, string>()
  for (const [name, secret] of Object.entries(secrets)) {
    for (const piece of formsOf(secret).flatMap(piecesOf)) pieces.set(piece, name)
  }
  return function secretIn(text) {
    for (const [piece, name] of pieces) if (text.includes(piece)) return `${name} (…${piece}…)`
    return undefined
  }
}

/** The prefix of a key names it, and a token's first part only its algorithm: neither is secret. */
function formsOf(secret: string): string[] {
  if (secret.startsWith('mcp_')) return [secret.slice(secret.lastIndexOf('_') + 1)]
  if (secret.startsWith('eyJ')) return secret.split('.').slice(1)
  return [secret, ...base64Of(secret)]
}

/** Base64 depends on where in a group of three the secret begins. */
function base64Of(secret: string): string[] {
  return [0, 1, 2].map((shift) =>
    Buffer.from(' '.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  )
}

function piecesOf(text: string): string[] {
  if (text.length <= PIECE) return [text]
  return Array.from({ length: Math.floor(text.length / PIECE) }, (_, i) =>
    text.slice(i * PIECE, (i + 1) * PIECE),
  )
}
