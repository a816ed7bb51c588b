/** Tells the processors that the server uses, from its own metrics; null where they cannot be read. */
export interface ServerCpu {
  /** Begins to measure; what it returns ends it. */
  start(): Promise<() => Promise<number | null>>
}

/** A scrape must not delay a stage. */
const TIMEOUT_MS = 2_000

export function createServerCpu(url: URL | undefined): ServerCpu {
  async function seconds(): Promise<number | null> {
    if (url === undefined) return null
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
      const text = await response.text()
      return response.ok ? cpuSecondsOf(text) : null
    } catch {
      // Not every server is one whose private port is reached from here; the column says so.
      return null
    }
  }
  return {
    async start() {
      const before = await seconds()
      const beganAt = performance.now()
      return async function processors() {
        const elapsed = (performance.now() - beganAt) / 1_000
        const after = before === null ? null : await seconds()
        // A server that was restarted counts anew.
        if (before === null || after === null || after < before) return null
        return (after - before) / elapsed
      }
    },
  }
}

/** Of all workers together. */
export function cpuSecondsOf(metrics: string): number | null {
  const lines = [...metrics.matchAll(/^process_cpu_seconds_total(?:\{[^\n]*\})? (\S+)/gm)]
  if (lines.length === 0) return null
  return lines.reduce((sum, [, value]) => sum + Number(value), 0)
}
