import { Gauge, type Registry } from 'prom-client'
import { namedReads } from './read-metric.js'
import type { Metrics } from './types.js'

/** A connection pool at this moment. */
export interface PoolState {
  /** Connections that there are, idle or not. */
  size: number
  idle: number
  /** Callers that wait for one. */
  waiting: number
  /** Connections that there may be. */
  max: number
}

/** Shows connection pools as they are at each scrape. */
export function poolMetrics(registry: Registry): Metrics['observePool'] {
  const registers = [registry]
  const pools = namedReads<PoolState>('pool')
  // The first of the three reads for all, so that a pool is read once a scrape and its numbers fit together.
  const connections = new Gauge({
    name: 'mcp_pool_connections',
    help: 'Connections of a pool by state, used or idle; none for a pool that cannot be read.',
    labelNames: ['pool', 'state'],
    registers,
    collect: readAll,
  })
  const max = new Gauge({
    name: 'mcp_pool_max_connections',
    help: 'Connections that a pool may have.',
    labelNames: ['pool'],
    registers,
  })
  const waiting = new Gauge({
    name: 'mcp_pool_waiting',
    help: 'Callers that wait for a connection of a pool.',
    labelNames: ['pool'],
    registers,
  })

  function readAll(): void {
    for (const gauge of [connections, max, waiting]) gauge.reset()
    for (const [pool, read] of pools.reads) {
      const state = stateOf(read)
      if (!state) continue
      connections.set({ pool, state: 'idle' }, state.idle)
      connections.set({ pool, state: 'used' }, state.size - state.idle)
      max.set({ pool }, state.max)
      waiting.set({ pool }, state.waiting)
    }
  }

  return pools.add
}

/** Nothing for a pool that cannot be read: its series are missing then, and those of all others are not. */
function stateOf(read: () => PoolState): PoolState | undefined {
  try {
    const { size, idle, waiting, max } = read()
    return [size, idle, waiting, max].every(Number.isFinite)
      ? { size, idle, waiting, max }
      : undefined
  } catch {
    return undefined
  }
}
