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
