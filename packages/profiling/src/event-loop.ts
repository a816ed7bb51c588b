import { constants, monitorEventLoopDelay, PerformanceObserver, performance } from 'node:perf_hooks'
import { wait } from './wait.js'

const RESOLUTION_MS = 10
const GC_KINDS = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weak callbacks'],
])

/** Watches how late the event loop is, how busy, what keeps it alive and what the garbage collector takes of it. */
export async function reportEventLoop(seconds: number, signal: AbortSignal): Promise<string> {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  const gc = watchGc()
  const before = performance.eventLoopUtilization()
  delay.enable()
  try {
    await wait(seconds, signal)
  } finally {
    delay.disable()
    gc.stop()
  }
  const { active, idle, utilization } = performance.eventLoopUtilization(before)
  // What is recorded is the time between two ticks of a timer, its interval included.
  const late = (nanoseconds: number) =>
    round(Math.max(0, nanoseconds / 1e6 - (delay.count > 0 ? RESOLUTION_MS : 0)))
  const report = {
    seconds,
    delayMs: {
      mean: late(delay.mean || 0),
      p50: late(delay.percentile(50)),
      p90: late(delay.percentile(90)),
      p99: late(delay.percentile(99)),
      max: late(delay.max),
    },
    utilization: { ratio: round(utilization), activeMs: round(active), idleMs: round(idle) },
    gc: gc.report(),
    activeResources: activeResources(),
  }
  return JSON.stringify(report, undefined, 2)
}

function watchGc() {
  const kinds: Record<string, { count: number; totalMs: number; maxMs: number }> = {}
  const note = (entries: readonly { duration: number; detail?: unknown }[]) => {
    for (const { duration, detail } of entries) {
      const kind = GC_KINDS.get(Number((detail as { kind?: number })?.kind)) ?? 'other'
      kinds[kind] ??= { count: 0, totalMs: 0, maxMs: 0 }
      kinds[kind].count++
      kinds[kind].totalMs = round(kinds[kind].totalMs + duration)
      kinds[kind].maxMs = Math.max(kinds[kind].maxMs, round(duration))
    }
  }
  const observer = new PerformanceObserver((list) => note(list.getEntries()))
  observer.observe({ entryTypes: ['gc'] })
  return {
    stop() {
      note(observer.takeRecords())
      observer.disconnect()
    },
    report() {
      const totalMs = Object.values(kinds).reduce((sum, kind) => sum + kind.totalMs, 0)
      return { totalMs: round(totalMs), kinds }
    },
  }
}

/** How many of each kind keep the process alive, the most numerous first. */
function activeResources(): Record<string, number> {
  const counts = new Map<string, number>()
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a))
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
