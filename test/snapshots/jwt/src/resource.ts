import { issuerKeys, protectedResource } from '@mcp-prod/auth'
import { parsed, text } from '@mcp-prod/config'
import type { Config } from './config.js'
import { name } from './identity.js'
import { scopes } from './scopes.js'

export const resourceSettings = {
  RESOURCE_URL: parsed(resource),
  OAUTH_ISSUER: parsed(issuer),
  OAUTH_PRIVATE_HOSTS: parsed(hosts, { default: '' }),
  OAUTH_TENANT_CLAIM: text({ optional: true }),
}

/** How clients find out, with nothing but the URL, where to get a token and which scopes there are (RFC 9728). */
export function createResource(config: Config) {
  const authorizationServers = [config.OAUTH_ISSUER]
  return protectedResource(config.RESOURCE_URL, { authorizationServers, scopes, name })
}

// What will use them says what is wrong with them, here, where every fault is listed.
function resource(uri: string): string {
  protectedResource(uri, { authorizationServers: ['https://issuer.example'] })
  return uri
}

function issuer(url: string): string {
  issuerKeys(url)
  const { protocol, hostname } = new URL(url)
  if (protocol === 'http:' && !['localhost', '127.0.0.1', '[::1]'].includes(hostname)) {
    throw new Error('plain http is for this machine only; use https')
  }
  return url
}

function hosts(names: string): string[] {
  const privateHosts = names.split(',').flatMap((name) => name.trim() || [])
  issuerKeys('https://issuer.example', { privateHosts })
  return privateHosts
}
