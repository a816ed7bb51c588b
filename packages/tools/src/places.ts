import type { StreamsDetails } from './refuse-stream.js'

export interface PlaceLimits {
  maxSubscriptions: number
  maxSubscriptionsPerPrincipal: number
}

/** The places that streams have: so many in all, and so many of each caller. */
export function streamPlaces({ maxSubscriptions, maxSubscriptionsPerPrincipal }: PlaceLimits) {
  const places = new Map<string, number>()
  let taken = 0

  function count(key: string, change: 1 | -1): void {
    taken += change
    const left = (places.get(key) ?? 0) + change
    if (left > 0) places.set(key, left)
    else places.delete(key)
  }

  return {
    /** Whose places are all taken, if this caller gets none. */
    missing(key: string): StreamsDetails['scope'] | undefined {
      if ((places.get(key) ?? 0) >= maxSubscriptionsPerPrincipal) return 'principal'
      return taken >= maxSubscriptions ? 'process' : undefined
    },
    async within(key: string, work: () => Promise<void>): Promise<void> {
      count(key, 1)
      try {
        await work()
      } finally {
        count(key, -1)
      }
    },
    /** How many are taken, and by how many callers: what must be none when all have gone. */
    get size() {
      return { streams: taken, callers: places.size }
    },
  }
}
