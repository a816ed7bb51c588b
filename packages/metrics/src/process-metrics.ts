import { Counter, Gauge, type Registry } from 'prom-client'
import type { Metrics } from './metrics.js'

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
    // prom-client throws at a NaN and at less than 0.
    if (durationMs >= 0) seconds.inc(durationMs / 1000)
  }
}

/** Names the server, as a label. */
export function serverInfo(registry: Registry, name = '', version = ''): void {
  const info = new Gauge({
    name: 'mcp_server_info',
    help: 'Always 1; its labels name the server.',
    labelNames: ['name', 'version'],
    registers: [registry],
  })
  info.set({ name, version }, 1)
}
