import type { Check } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import type { Metrics } from '@mcp-prod/metrics'
import type { PolicyEvent } from '@mcp-prod/resilience'
import type { SharedConfig } from './config.js'
import { createPostgres, type Postgres } from './postgres.js'
import { createRedis, type Redis } from './redis.js'

/** What tools work with: a client or a pool added here is found by every tool in `services`. */
export interface Services {
  // Every client and pool, by its type.
  postgres: Postgres
  redis: Redis
}

declare module '@mcp-prod/tools' {
  interface ToolServices extends Services {}
}

export interface ServiceParts {
  logger: Logger
  /** Missing over stdio, where nobody scrapes. */
  metrics?: Metrics
}

/** What calls are counted of: the names of the policies below. */
export const dependencies: readonly string[] = [
  // Any other name is counted as `other`.
]

/** Opens what the tools need, each with a check for the probes and a way to close it. */
export function createServices(config: SharedConfig, parts: ServiceParts) {
  const postgres = createPostgres(config, parts)
  const redis = createRedis(config, parts)
  const services: Services = {
    // What was opened above.
    postgres,
    redis,
  }
  const checks: Record<string, Check> = {
    // /ready fails with a critical check; one that is not critical only shows.
    // Critical, as most tools need it. If some are of use without it: critical: false, and not in `needed`.
    postgres: { run: postgres.check, timeoutMs: 1_000 },
    // Not critical: limits go on without it. Where most tools need it: critical, and in `needed` too.
    redis: { run: redis.check, timeoutMs: 1_000, critical: false },
  }
  /** What must answer before the server is ready; it is waited for at the start. */
  const needed: Record<string, (signal: AbortSignal) => unknown> = {
    // By its name in the log.
    'postgres (DATABASE_URL)': postgres.check,
  }
  async function close() {
    // In the reverse order of the opening; what needs longer than five seconds is cut off.
    await redis.close()
    await postgres.close()
  }
  return { services, checks, needed, close }
}

/** Counts what a dependency's policy does, and tells when its breaker opens and closes. */
export function watcher({ logger, metrics }: ServiceParts): (event: PolicyEvent) => void {
  return (event) => {
    metrics?.observeDependency(event)
    if (event.type !== 'state') return
    const { policy: dependency, state } = event
    if (state === 'open') logger.warn('breaker opened: calls fail at once', { dependency })
    else logger.info(`breaker ${state}`, { dependency })
  }
}
