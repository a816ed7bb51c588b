import type { BusEvent } from './events.js'

export type Listener = (event: BusEvent) => void

/** Who listens in this process. What one of them throws is reported, and keeps nothing from the others. */
export function listeners(report: (error: unknown) => void) {
  const all = new Set<{ listener: Listener }>()
  return {
    get size() {
      return all.size
    },
    add(listener: Listener): () => void {
      // The same function may listen twice.
      const entry = { listener }
      all.add(entry)
      return () => void all.delete(entry)
    },
    tell(event: BusEvent): void {
      for (const { listener } of [...all]) {
        try {
          listener(event)
        } catch (error) {
          report(error)
        }
      }
    },
  }
}
