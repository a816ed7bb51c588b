import type { Check } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import type { Metrics } from '@mcp-prod/metrics'
import type { PolicyEvent } from '@mcp-prod/resilience'
import type { Tracing } from '@mcp-prod/tracing' // +tracing
import type { SharedConfig } from './config.js'
import { createPostgres, type Postgres } from './postgres.js' // +postgres
import { createRedis, type Redis } from './redis.js' // +redis
import { createWeather, type Watched, type Weather } from './upstream/weather.js' // +upstream

/** What tools work with: a client or a pool added here is found by every tool in `services`. */
export interface Services {
  // Every client and pool, by its type.
  weather: Weather // +upstream
  postgres: Postgres // +postgres
  redis: Redis // +redis
}

declare module '@mcp-prod/tools' {
  interface ToolServices extends Services {}
}

export interface ServiceParts {
  logger: Logger
  /** Missing over stdio, where nobody scrapes. */
  metrics?: Metrics
  tracing: Tracing // +tracing
}

/** What calls are counted of: the names of the policies below. */
export const dependencies: readonly string[] = [
  // Any other name is counted as `other`.
  'weather', // +upstream
]

/** Opens what the tools need, each with a check for the probes and a way to close it. */
export function createServices(config: SharedConfig, parts: ServiceParts) {
  const watched: Watched = { onEvent: watcher(parts) } // +upstream
  watched.trace = parts.tracing.traceClient // +upstream +tracing
  const weather = createWeather(config, watched) // +upstream
  const postgres = createPostgres(config, parts) // +postgres
  const redis = createRedis(config, parts) // +redis
  const services: Services = {
    // What was opened above.
    weather, // +upstream
    postgres, // +postgres
    redis, // +redis
  }
  const checks: Record<string, Check> = {
    // /ready fails with a critical check; one that is not critical only shows.
    weather: { run: weather.check, critical: false }, // +upstream
    // Critical, as most tools need it. If some are of use without it: critical: false, and not in `needed`. // +postgres
    postgres: { run: postgres.check, timeoutMs: 1_000 }, // +postgres
    // Not critical: limits go on without it. Where most tools need it: critical, and in `needed` too. // +redis
    redis: { run: redis.check, timeoutMs: 1_000, critical: false }, // +redis
  }
  /** What must answer before the server is ready; it is waited for at the start. */
  const needed: Record<string, (signal: AbortSignal) => unknown> = {
    // By its name in the log.
    'postgres (DATABASE_URL)': postgres.check, // +postgres
  }
  async function close() {
    // In the reverse order of the opening; what needs longer than five seconds is cut off.
    await redis.close() // +redis
    await postgres.close() // +postgres
    await weather.close() // +upstream
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
