import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { Counter, collectDefaultMetrics, Gauge, type Registry } from 'prom-client'
import { readMetric } from './read-metric.js'
import type { Metrics } from './types.js'

/** Counts errors that nobody caught. */
export function processErrorMetrics(registry: Registry): Metrics['observeProcessError'] {
  const errors = new Counter({
    name: 'mcp_process_errors_total',
    help: 'Errors that nobody caught, by kind.',
    labelNames: ['kind'],
    registers: [registry],
  })
  for (const kind of ['unhandledRejection', 'uncaughtException']) errors.inc({ kind }, 0)
  return function observeProcessError(kind) {
    errors.inc({ kind })
  }
}

/** Counts times in which one piece of work blocked the whole process. */
export function eventLoopMetrics(registry: Registry): Metrics['observeEventLoopBlocked'] {
  const registers = [registry]
  const times = new Counter({
    name: 'mcp_event_loop_blocked_total',
    help: 'Times that the event loop was blocked for longer than is allowed.',
    registers,
  })
  const seconds = new Counter({
    name: 'mcp_event_loop_blocked_seconds_total',
    help: 'Time that the event loop was blocked in all of them.',
    registers,
  })
  return function observeEventLoopBlocked(durationMs) {
    times.inc()
    // prom-client throws at what is no finite number and at less than 0.
    if (Number.isFinite(durationMs) && durationMs >= 0) seconds.inc(durationMs / 1000)
  }
}

/** Names the build, as labels. */
export function buildInfo(registry: Registry, name: string, version: string): void {
  const info = new Gauge({
    name: 'mcp_build_info',
    help: 'Always 1; its labels name the server, its version and that of Node.',
    labelNames: ['name', 'version', 'node'],
    registers: [registry],
  })
  info.set({ name, version, node: process.version }, 1)
}

/** Measures Node itself, and what it may take of memory. */
export function runtimeMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_heap_limit_bytes',
    help: 'What the heap of V8 may grow to.',
    read: () => [{ value: getHeapStatistics().heap_size_limit }],
  })
  readMetric(registry, {
    kind: 'gauge',
    name: 'mcp_memory_limit_bytes',
    help: 'What the container may take of memory; missing where it has no limit.',
    read: () => [{ value: memoryLimit(process.constrainedMemory(), totalmem()) }],
  })
}

/** Node says 0 or nothing where there is no limit, and a huge number where the kernel does. */
export function memoryLimit(bytes: number | undefined, totalBytes: number): number | undefined {
  return bytes && bytes <= totalBytes ? bytes : undefined
}
