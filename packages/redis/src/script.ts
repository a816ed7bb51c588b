import { createHash } from 'node:crypto'
import type { RedisClient } from './create-client.js'

export type Script = (
  client: RedisClient,
  keys: readonly string[],
  words: readonly (string | number)[],
) => Promise<unknown>

/** A script that Redis knows by its hash, unless it has been started anew or told to forget its scripts. */
export function script(lua: string): Script {
  const sha = createHash('sha1').update(lua).digest('hex')
  return (client, keys, words) =>
    client.evalsha(sha, keys.length, ...keys, ...words).catch((error) => {
      if (!String(error?.message).startsWith('NOSCRIPT')) throw error
      return client.eval(lua, keys.length, ...keys, ...words)
    })
}
