import { apiKeys, parseApiKeys } from '@mcp-prod/auth'
import { parsed, secret } from '@mcp-prod/config'
import type { Config } from './config.js'

export const keySettings = {
  API_KEYS: secret(parsed(parseApiKeys)),
}

/** Machines and people with an API key; the server holds only the hashes. */
export function createKeys(config: Config) {
  const verify = apiKeys(config.API_KEYS)
  return {
    verify,
    /** Takes over an edited list: new keys work from now on, those left out no longer. */
    update({ API_KEYS: keys }: Config) {
      verify.replace(keys)
    },
  }
}
