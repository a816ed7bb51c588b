import { generateApiKey } from '@mcp-prod/auth'
import { scopes } from '../../src/scopes.js'

/** Two tokens for the tests, one with every scope and one with none, and the settings that make them valid. */
export async function credentials(_resource?: string) {
  const full = generateApiKey('full')
  const bare = generateApiKey('bare')
  const keys = [
    { id: full.id, hash: full.hash, principal: 'alice', scopes },
    { id: bare.id, hash: bare.hash, principal: 'bob', scopes: [] },
  ]
  const env: NodeJS.ProcessEnv = { API_KEYS: JSON.stringify(keys) }
  return {
    env,
    token: full.key,
    bareToken: bare.key,
    principal: 'alice',
    barePrincipal: 'bob',
    close: () => {},
  }
}

/** Settings without which no start is possible, with values that will do. */
export const required: Record<string, string> = {
  API_KEYS: JSON.stringify([{ id: 'a', hash: '0'.repeat(64), principal: 'a', scopes: [] }]),
}
