import type { Check } from '@mcp-prod/health'
import type { SharedConfig } from './config.js'

/** What tools work with: a client or a pool added here is found by every tool in `services`. */
export interface Services {
  // Every client and pool, by its type.
}

declare module '@mcp-prod/tools' {
  interface ToolServices extends Services {}
}

/** Opens what the tools need, each with a check for the probes and a way to close it. */
export function createServices(config: SharedConfig) {
  const services: Services = {
    // What was opened above.
  }
  const checks: Record<string, Check> = {
    // /ready fails with a critical check; one that is not critical only shows.
  }
  async function close() {
    // Drain pools here; what needs longer than five seconds is cut off.
  }
  return { services, checks, close }
}
