import type { Check } from '@mcp-prod/health'
import type { SharedConfig } from './config.js'
import { createWeather, type Weather } from './upstream/weather.js' // +upstream

/** What tools work with: a client or a pool added here is found by every tool in `services`. */
export interface Services {
  // Every client and pool, by its type.
  weather: Weather // +upstream
}

declare module '@mcp-prod/tools' {
  interface ToolServices extends Services {}
}

/** Opens what the tools need, each with a check for the probes and a way to close it. */
export function createServices(config: SharedConfig) {
  const weather = createWeather(config.WEATHER_URL, { timeoutMs: config.WEATHER_TIMEOUT }) // +upstream
  const services: Services = {
    // What was opened above.
    weather, // +upstream
  }
  const checks: Record<string, Check> = {
    // /ready fails with a critical check; one that is not critical only shows.
    weather: { run: weather.check, critical: false }, // +upstream
  }
  async function close() {
    // Drain pools here; what needs longer than five seconds is cut off.
  }
  return { services, checks, close }
}
