import { issuerKeys, jwtTokens, staticKeys } from '@mcp-prod/auth'
import { parsed, secret } from '@mcp-prod/config'
import type { Logger } from '@mcp-prod/logging'
import type { Config } from './config.js'

export const jwtSettings = {
  // Not secret, but a private key put there by mistake is.
  OAUTH_JWKS: secret(parsed(keySet, { optional: true })),
}

/** JWT access tokens of OAUTH_ISSUER, made for RESOURCE_URL; checked here with the keys that the issuer publishes. */
export function createJwt(config: Config, logger: Logger) {
  const { OAUTH_ISSUER: issuer, OAUTH_JWKS: jwks, RESOURCE_URL: audience } = config
  const fixed = jwks === undefined ? undefined : staticKeys(jwks)
  const published = () =>
    issuerKeys(issuer, {
      privateHosts: config.OAUTH_PRIVATE_HOSTS,
      onFailure: (error) => logger.warn('the authorization server cannot be used', { error }),
    })
  const verify = jwtTokens({
    issuer,
    audience,
    keys: fixed ?? published(),
    // A `sub` must not be able to equal the principal of an API key or a client certificate.
    principalPrefix: 'oauth:',
    tenantClaim: config.OAUTH_TENANT_CLAIM,
  })
  return {
    verify,
    check: () => verify.check(),
    update({ OAUTH_JWKS: next }: Config) {
      if (next !== undefined) fixed?.replace(next)
    },
  }
}

function keySet(text: string): string {
  staticKeys(text)
  return text
}
