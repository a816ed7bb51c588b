import { createHmac, randomBytes, randomUUID } from 'node:crypto'

const MAX_REMEMBERED_IDS = 1000
/** 48 bits: as many as a number holds exactly, with room to spare. */
const BYTES = 6
const RANGE = 2 ** (8 * BYTES)

/** Whether the line of this request is one of the share that is written. */
export type Sampler = (requestId: string) => boolean

/**
 * Decides by a keyed hash of the request's id: whoever has the key decides alike, and a caller who chooses the id cannot
 * compute what it leads to. An id that comes again decides nothing: one lucky id, sent with every request, would
 * keep a caller out of the log for good.
 */
export function createSampler(rate: number, key: string | Buffer = randomBytes(32)): Sampler {
  if (rate >= 1) return () => true
  if (rate <= 0) return () => false
  const remembered = new Set<string>()

  return function isSampled(requestId) {
    const repeated = remembered.has(requestId)
    if (!repeated) remember(requestId)
    return share(repeated ? randomUUID() : requestId) < rate
  }

  function remember(requestId: string): void {
    remembered.add(requestId)
    if (remembered.size <= MAX_REMEMBERED_IDS) return
    for (const oldest of remembered) {
      remembered.delete(oldest)
      return
    }
  }

  function share(text: string): number {
    return createHmac('sha256', key).update(text).digest().readUIntBE(0, BYTES) / RANGE
  }
}
