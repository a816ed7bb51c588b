import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { getHeapSnapshot, getHeapStatistics } from 'node:v8'
import { Refusal } from './refusal.js'

export interface SnapshotLimits {
  maxHeapBytes: number
  memoryFactor: number
  maxBytes: number
}

/**
 * Everything in memory. V8 stops the process while it takes it, and then writes it out as a whole, whatever its reader takes:
 * the stream knows no backpressure. So what may be taken is bounded before, and how long it may be held after.
 */
export async function takeHeapSnapshot(limits: SnapshotLimits): Promise<Readable> {
  const { maxHeapBytes, memoryFactor, maxBytes } = limits
  const used = getHeapStatistics().used_heap_size
  if (used > maxHeapBytes)
    throw tooMuch(
      `the heap in use is ${mib(used)} MiB, above maxHeapBytes (${mib(maxHeapBytes)} MiB)`,
    )
  const available = process.availableMemory()
  if (available < used * memoryFactor) {
    const needs = `it may need ${memoryFactor} times (snapshotMemoryFactor) the heap's ${mib(used)} MiB`
    throw tooMuch(`${needs}, and ${mib(available)} MiB are available`)
  }
  const snapshot = getHeapSnapshot()
  await once(snapshot, 'readable')
  if (snapshot.readableLength > maxBytes) {
    const bytes = snapshot.readableLength
    snapshot.destroy()
    throw tooMuch(`it has ${mib(bytes)} MiB, above maxBytes (${mib(maxBytes)} MiB)`)
  }
  return snapshot
}

function tooMuch(reason: string): Refusal {
  return new Refusal(507, `no heap snapshot: ${reason}; /heap-sampling needs little memory`)
}

export function mib(bytes: number): number {
  return Math.ceil(bytes / 1_048_576)
}
