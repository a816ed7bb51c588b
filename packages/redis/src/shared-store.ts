import { chargeScript } from './charge-script.js'
import type { RedisConnection } from './connect-redis.js'
import { namesOf, probeName } from './key-names.js'
import type { Charge, Reading } from './meters.js'
import { verdictOf } from './verdict.js'

export interface SharedStore {
  charge(charges: readonly Charge[], first?: Charge): Promise<Reading[]>
  /** Writes where these keys are, as a charge does: a server that only reads would answer a PING. */
  probe(keys: readonly string[]): Promise<unknown>
}

const PROBE = { units: 1, limit: 1_000_000, windowMs: 1_000 }

/** The meters in Redis, however long it takes. */
export function sharedStore(
  redis: Pick<RedisConnection, 'kind' | 'use'>,
  prefix: string,
): SharedStore {
  const isCluster = redis.kind === 'cluster'

  async function run(charges: readonly Charge[], isFirstApart: boolean): Promise<Reading[]> {
    if (charges.length === 0) return []
    const names = namesOf(charges, prefix, isCluster)
    const usedMs = await redis.use((client) => chargeScript(client, names, charges, isFirstApart))
    return verdictOf(charges, usedMs, isFirstApart)
  }

  return {
    async charge(charges, first) {
      if (!first) return run(charges, false)
      if (!isCluster) return run([first, ...charges], true)
      // Keys of one script must be in one slot, and an address is not in that of each of its principals.
      return (await Promise.all([run([first], false), run(charges, false)])).flat()
    },
    probe(keys) {
      const names = new Set(keys.map((key) => probeName(key, prefix, isCluster)))
      const probes = [...names].map((name) =>
        redis.use((client) => chargeScript(client, [name], [{ ...PROBE, key: name }], false)),
      )
      return Promise.all(probes)
    },
  }
}
