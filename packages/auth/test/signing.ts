import { KeyObject, sign as signBytes } from 'node:crypto'
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { AuthUnavailableError, InvalidTokenError } from '../src/index.js'

export const ISSUER = 'https://issuer.example'
export const AUDIENCE = 'https://mcp.example/mcp'

export interface Signer {
  alg: string
  privateKey: CryptoKey
  /** The public half, as a key set holds it. */
  jwk: JWK
}

export async function signer(alg = 'ES256', kid = alg): Promise<Signer> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  return { alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } }
}

export function nowSeconds(): number {
  return Math.floor(Date.now() / 1000)
}

/** What a good access token says (RFC 9068 §2.2); a member given as undefined is left out. */
export function claimsOf(more: Record<string, unknown> = {}): Record<string, unknown> {
  const iat = nowSeconds()
  const who = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', client_id: 'cli' }
  return { ...who, scope: 'catalog:read', iat, exp: iat + 300, jti: 'one', ...more }
}

export function token(
  { alg, privateKey, jwk }: Signer,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  const protectedHeader = { alg, kid: jwk.kid, typ: 'at+jwt', ...header }
  return new SignJWT(claimsOf(claims)).setProtectedHeader(protectedHeader).sign(privateKey)
}

/** A token whose header and claims are any text at all, with a good ES256 signature. */
export function rawToken({ privateKey }: Signer, header: string, claims: string): string {
  const input = `${encoded(header)}.${encoded(claims)}`
  const key = KeyObject.from(privateKey)
  const signature = signBytes('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

export function encoded(text: string | Buffer): string {
  return Buffer.from(text).toString('base64url')
}

/** Why a token was refused; `none` when it was not. Whatever is neither refusal nor outage is thrown. */
export async function refusal(verification: Promise<unknown>): Promise<string> {
  try {
    await verification
    return 'none'
  } catch (error) {
    if (error instanceof InvalidTokenError) return error.reason
    if (error instanceof AuthUnavailableError) return `unavailable for ${error.retryAfterSeconds} s`
    throw error
  }
}
