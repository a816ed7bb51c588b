import { introspectedTokens } from '@mcp-prod/auth'
import { secret, text } from '@mcp-prod/config'
import type { Logger } from '@mcp-prod/logging'
import type { Config } from './config.js'

export const introspectionSettings = {
  OAUTH_CLIENT_ID: text(),
  OAUTH_CLIENT_SECRET: secret(),
}

/** Access tokens of OAUTH_ISSUER, made for RESOURCE_URL; the issuer is asked about each, and again after half a minute. */
export function createIntrospection(config: Config, logger: Logger) {
  let secretNow = config.OAUTH_CLIENT_SECRET
  const verify = introspectedTokens({
    issuer: config.OAUTH_ISSUER,
    audience: config.RESOURCE_URL,
    clientId: config.OAUTH_CLIENT_ID,
    clientSecret: () => secretNow,
    // A `sub` must not be able to equal the principal of an API key or a client certificate.
    principalPrefix: 'oauth:',
    tenantClaim: config.OAUTH_TENANT_CLAIM,
    privateHosts: config.OAUTH_PRIVATE_HOSTS,
    onFailure: (error) => logger.warn('the authorization server cannot be used', { error }),
  })
  return {
    verify,
    check: () => verify.check(),
    update({ OAUTH_CLIENT_SECRET: next }: Config) {
      secretNow = next
    },
  }
}
