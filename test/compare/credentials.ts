import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const secret = 'a-secret-of-this-run-that-is-long-enough'
const token = 'a-token-of-this-run'

/** A key set as an authorization server publishes it. */
export interface Issuer {
  url: string
  /** What the servers of this run are told, so that the tokens of this run are theirs. */
  env: Record<string, string>
  tokens: Record<'token' | 'jwks' | 'secret', string>
  server: Server
}

export async function startIssuer(): Promise<Issuer> {
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k', alg: 'RS256', use: 'sig' }
  const server = createServer((_req, res) => {
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [jwk] }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const now = Math.floor(Date.now() / 1000)
  const claims = encode({ iss: url, aud: 'compare', sub: 'compare', iat: now, exp: now + 3600 })
  const signed = `${encode({ alg: 'RS256', kid: 'k' })}.${claims}`
  const shared = `${encode({ alg: 'HS256' })}.${claims}`
  return {
    url,
    env: { TOKEN: token, SECRET: secret, ISSUER: url, JWKS_URL: `${url}/jwks.json` },
    tokens: {
      token,
      jwks: `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`,
      secret: `${shared}.${createHmac('sha256', secret).update(shared).digest('base64url')}`,
    },
    server,
  }
}
