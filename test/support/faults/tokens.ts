import { generateKeyPairSync, sign } from 'node:crypto'

const ISSUER = 'https://issuer.example'
const RESOURCE = 'http://localhost:8080/mcp'

/** An authorization server in so far as it makes tokens: a server that has its keys need not ask it. */
export function tokenIssuer() {
  const { privateKey: key, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'faults', alg: 'ES256', use: 'sig' }
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return {
    env: {
      OAUTH_ISSUER: ISSUER,
      RESOURCE_URL: RESOURCE,
      OAUTH_JWKS: JSON.stringify({ keys: [jwk] }),
    },
    /** A token that is valid from and until so many hours from now. */
    token(fromHours: number, untilHours: number): string {
      const nowSeconds = Math.floor(Date.now() / 1000)
      const claims = {
        iss: ISSUER,
        aud: RESOURCE,
        sub: 'alice',
        client_id: 'faults',
        scope: 'stats:read weather:read',
        jti: 'one',
        iat: nowSeconds,
        nbf: nowSeconds + fromHours * 3600,
        exp: nowSeconds + untilHours * 3600,
      }
      const signed = `${encode({ alg: 'ES256', typ: 'at+jwt', kid: 'faults' })}.${encode(claims)}`
      const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' })
      return `${signed}.${signature.toString('base64url')}`
    },
  }
}
