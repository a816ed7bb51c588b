import type { Check } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import type { Metrics } from '@mcp-prod/metrics'
import type { PolicyEvent } from '@mcp-prod/resilience'
import type { SharedConfig } from './config.js'
import { createWeather, type Watched, type Weather } from './upstream/weather.js'

/** What tools work with: a client or a pool added here is found by every tool in `services`. */
export interface Services {
  // Every client and pool, by its type.
  weather: Weather
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
  'weather',
]

/** Opens what the tools need, each with a check for the probes and a way to close it. */
export function createServices(config: SharedConfig, parts: ServiceParts) {
  const watched: Watched = { onEvent: watcher(parts) }
  const weather = createWeather(config, watched)
  const services: Services = {
    // What was opened above.
    weather,
  }
  const checks: Record<string, Check> = {
    // /ready fails with a critical check; one that is not critical only shows.
    weather: { run: weather.check, critical: false },
  }
  /** What must answer before the server is ready; it is waited for at the start. */
  const needed: Record<string, (signal: AbortSignal) => unknown> = {
    // By its name in the log.
  }
  async function close() {
    // In the reverse order of the opening; what needs longer than five seconds is cut off.
    await weather.close()
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
