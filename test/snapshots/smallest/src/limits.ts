import { authOf, principalOf } from '@mcp-prod/auth'
import {
  limitByIp,
  limitByPrincipal,
  limitConcurrency,
  type Plan,
  shedLoad,
  type ToolLimits,
} from '@mcp-prod/ratelimit'
import { remainingMs } from '@mcp-prod/resilience'
import type { Call } from '@mcp-prod/rpc'
import type { Request } from 'express'
import type { Config } from './config.js'
import { definitions, everything } from './definitions.js'
import { createMeters } from './meters.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'

type Plans = ReadonlyMap<string, Plan>

/** Who may do more or less than the settings say, by principal; units and calls are those of a minute. */
const plans: Plans = new Map([
  // ['ci', { limit: 3_000, toolLimits: { export: { limit: 10 } } }],
])

/** The same by tenant and principal, for callers that have a tenant: each names its principals as it likes. */
const plansOfTenants: ReadonlyMap<string, Plans> = new Map([
  // ['acme', new Map([['ci', { limit: 3_000 }]])],
])

/** Streams of the server, and what one principal may have of them. */
export function streamLimits(config: Config) {
  return {
    maxSubscriptions: partOf(1_024, config),
    maxSubscriptionsPerPrincipal: partOf(16, config),
    // So long a stream may outlive the revocation of what it was opened with; clients open it again.
    maxSubscriptionMs: 600_000,
  }
}

/** What of a limit each worker has, at least 1: what runs at once is counted by each for itself. */
function partOf(limit: number, { WORKERS }: Config): number {
  return Math.ceil(limit / WORKERS)
}

export interface LimitParts {
  config: Config
  telemetry: Telemetry
  services: Services
  onLimited: (req: Request, layer: string) => void
}

/**
 * Every limit that a request meets on its way to a tool, in this order. What a tool, resource or prompt weighs and limits of its
 * own stand in its file: `weight`, `limitPerMinute` for each principal, `maxConcurrent` in this server.
 */
export function createLimits({ config, telemetry, services, onLimited }: LimitParts) {
  const { meters, checks, close } = createMeters({ config, telemetry, services })
  const overload = shedLoad({ maxEventLoopDelayMs: config.MAX_EVENT_LOOP_DELAY, onLimited })
  const maxConcurrent = new Map<string, number>()
  for (const { label, maxConcurrent: most } of everything)
    if (most) maxConcurrent.set(label, partOf(most, config))
  const concurrency = limitConcurrency({
    limit: partOf(config.MAX_CONCURRENT_CALLS, config),
    toolOf: labelOf,
    perTool: (label) => maxConcurrent.get(label),
    maxDelayMs: config.MAX_EVENT_LOOP_DELAY,
    remainingMs,
    onLimited,
  })
  telemetry.metrics.observeOverload(overload.state)
  telemetry.metrics.observeConcurrency(concurrency.state)
  return {
    byIp: limitByIp({ limit: config.IP_LIMIT_PER_MINUTE, meters, onLimited }),
    overload: overload.middleware,
    byPrincipal: limitByPrincipal({
      limit: config.PRINCIPAL_LIMIT_PER_MINUTE,
      toolOf: labelOf,
      toolLimits: ownLimits(),
      costOf: definitions.weightOf,
      planOf,
      meters,
      onLimited,
    }),
    concurrency: concurrency.middleware,
    checks,
    close() {
      overload.close()
      close()
    },
  }
}

function planOf(req: Request): Plan | undefined {
  const tenant = authOf(req)?.extra?.tenant
  const known = typeof tenant === 'string' && tenant !== '' ? plansOfTenants.get(tenant) : plans
  return known?.get(principalOf(req) ?? '')
}

/** What a call is counted as; to let go of a resource costs nothing. */
function labelOf(call: Call): string | undefined {
  return call.method === 'resources/unsubscribe' ? undefined : definitions.nameOf(call)
}

function ownLimits(): ToolLimits {
  const limits: Record<string, { limit: number }> = {}
  for (const { label, limitPerMinute: limit } of everything) if (limit) limits[label] = { limit }
  return limits
}
