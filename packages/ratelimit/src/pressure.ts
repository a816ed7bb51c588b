import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** What says that the process has too much to do. */
export interface Pressure {
  /** Milliseconds that the event loop came late at worst, in the last sample. */
  eventLoopDelayMs: number
  /** Used part of the heap that V8 may have at most, 0 to 1. */
  heapShare: number
  /** The process's part of the container's memory, 0 to 1; 0 without a limit. */
  rssShare: number
}

export interface PressureWatch {
  /** When the event loop last began a turn, or a calm one last looked, by `performance.now()`. */
  readonly turnBeganAt: number
  /** Whether turns are longer than `longTurnMs`, and have been for a while. */
  readonly turnsAreLong: boolean
  readonly pressure: Pressure
  close(): void
}

/** Milliseconds between two looks at the event loop: a longer turn begins with one. */
export const TICK_MS = 20
/** Looks at the loop to one at the memory, which costs more. */
const TICKS_PER_SAMPLE = 5
/** One long turn may be a garbage collection, and the one after it what came meanwhile: so many in a row, for so long, are none. */
const LONG_TURNS = 4
const LASTING_MS = 300
/** How long no turn must have been long before they are taken for short again. */
const REMEMBER_MS = 1000

/** Watches the event loop and the memory, by monotonic time, with a timer that keeps no process alive. */
export function watchPressure(longTurnMs: number, onSample: () => void): PressureWatch {
  const heapLimit = getHeapStatistics().heap_size_limit
  const memoryLimit = containerLimit()
  let pressure: Pressure = { eventLoopDelayMs: 0, heapShare: 0, rssShare: 0 }
  let turnBeganAt = performance.now()
  let calmAt = turnBeganAt
  let longTurns = 0
  let longUntil = Number.NEGATIVE_INFINITY
  let ticks = 0
  let worstMs = 0

  function sample(): void {
    pressure = {
      eventLoopDelayMs: worstMs,
      heapShare: getHeapStatistics().used_heap_size / heapLimit,
      rssShare: memoryLimit === undefined ? 0 : process.memoryUsage.rss() / memoryLimit,
    }
    worstMs = 0
    onSample()
  }

  const timer = setInterval(() => {
    const now = performance.now()
    const lateMs = Math.max(0, now - turnBeganAt - TICK_MS)
    turnBeganAt = now
    worstMs = Math.max(worstMs, lateMs)
    if (lateMs > longTurnMs - TICK_MS) {
      longTurns++
      const isLasting = longTurns >= LONG_TURNS && now - calmAt >= LASTING_MS
      if (isLasting || now < longUntil) longUntil = now + REMEMBER_MS
    } else {
      longTurns = 0
      calmAt = now
    }
    if (++ticks % TICKS_PER_SAMPLE === 0) sample()
  }, TICK_MS).unref()

  return {
    get turnBeganAt() {
      return turnBeganAt
    },
    get turnsAreLong() {
      return turnBeganAt < longUntil
    },
    get pressure() {
      return pressure
    },
    close: () => clearInterval(timer),
  }
}

/** Without a limit Node reports none, 0 or a number beyond any memory. */
function containerLimit(): number | undefined {
  const bytes = process.constrainedMemory()
  return bytes > 0 && bytes <= totalmem() ? bytes : undefined
}
