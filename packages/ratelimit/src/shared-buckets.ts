import { hash, randomBytes } from 'node:crypto'

/** Enough that one busy stranger seldom shares a bucket with another, at 8 KiB for each size of window. */
export const BUCKETS = 1024

export interface SharedBuckets {
  /** When the quota of all buckets is whole again. */
  readonly wholeAt: number
  /** When that of the key's bucket is. */
  read(key: string, windowMs: number): number
  put(key: string, windowMs: number, wholeAt: number): void
}

/**
 * Where keys are counted for which there is no room: many share a bucket, by a hash that differs in each process, so
 * nobody can choose whose. Only windows of a like size share, or a key that waits for hours would stop one of minutes.
 */
export function sharedBuckets(): SharedBuckets {
  const seed = randomBytes(32).toString('hex')
  const ofSize = new Map<number, Float64Array>()
  let allWholeAt = 0

  function indexOf(key: string): number {
    return Number.parseInt(hash('sha256', seed + key).slice(0, 8), 16) % BUCKETS
  }
  const sizeOf = (windowMs: number) => Math.ceil(Math.log2(windowMs))

  return {
    get wholeAt() {
      return allWholeAt
    },
    read: (key, windowMs) => ofSize.get(sizeOf(windowMs))?.[indexOf(key)] ?? 0,
    put(key, windowMs, wholeAt) {
      const size = sizeOf(windowMs)
      const buckets = ofSize.get(size) ?? new Float64Array(BUCKETS)
      ofSize.set(size, buckets)
      const index = indexOf(key)
      // Two keys of one request may meet here.
      buckets[index] = Math.max(buckets[index] ?? 0, wholeAt)
      allWholeAt = Math.max(allWholeAt, wholeAt)
    },
  }
}
