/** Collects a body up to a bound. */
export interface BodyBuffer {
  /** Whether it still fits. */
  add(chunk: Buffer): boolean
  /** What came. */
  whole(): Buffer
}

const FIRST_BYTES = 16_384

/**
 * Bytes go into one buffer that grows by doubling: kept as they come, a body sent byte by byte would take a hundred
 * times its size. What a header announces is not believed until it is there.
 */
export function bodyBuffer(maxBytes: number): BodyBuffer {
  let bytes = Buffer.alloc(0)
  let length = 0

  return {
    add(chunk) {
      const needed = length + chunk.length
      if (needed > maxBytes) return false
      if (needed > bytes.length) {
        const size = Math.max(needed, Math.min(maxBytes, Math.max(bytes.length * 2, FIRST_BYTES)))
        const larger = Buffer.allocUnsafeSlow(size)
        bytes.copy(larger, 0, 0, length)
        bytes = larger
      }
      chunk.copy(bytes, length)
      length = needed
      return true
    },
    whole: () => Buffer.from(bytes.subarray(0, length)),
  }
}
