import { principalOf } from '@mcp-prod/auth'
import {
  limitByIp,
  limitByPrincipal,
  limitConcurrency,
  type Plan,
  shedLoad,
  type ToolLimits,
} from '@mcp-prod/ratelimit'
import { remainingMs } from '@mcp-prod/resilience'
import type { Request } from 'express'
import { toolNamed, toolOf } from './called-tool.js'
import type { Config } from './config.js'
import { createMeters } from './meters.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'
import { tools } from './tools/index.js'

/** Who may do more or less than the settings say, by principal; units and calls are those of a minute. */
const plans: ReadonlyMap<string, Plan> = new Map([
  // ['ci', { limit: 3_000, toolLimits: { export: { limit: 10 } } }],
])

/** Streams of this process, and what one principal may have of them. */
export const streamLimits = {
  maxSubscriptions: 1_024,
  maxSubscriptionsPerPrincipal: 16,
  // So long a stream may outlive the revocation of what it was opened with; clients open it again.
  maxSubscriptionMs: 600_000,
}

export interface LimitParts {
  config: Config
  telemetry: Telemetry
  services: Services
  onLimited: (req: Request, layer: string) => void
}

/**
 * Every limit that a request meets on its way to a tool, in this order. What a tool weighs and limits of its own stand in its
 * file: `weight`, `limitPerMinute` for each principal, `maxConcurrent` in this process.
 */
export function createLimits({ config, telemetry, services, onLimited }: LimitParts) {
  const { meters, checks, close } = createMeters({ config, telemetry, services })
  const overload = shedLoad({ maxEventLoopDelayMs: config.MAX_EVENT_LOOP_DELAY, onLimited })
  const concurrency = limitConcurrency({
    limit: config.MAX_CONCURRENT_CALLS,
    perTool: (name) => toolNamed(name)?.maxConcurrent,
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
      toolLimits: limitsOfTools(),
      costOf: (call) => toolOf(call)?.weight ?? 1,
      planOf: (req) => plans.get(principalOf(req) ?? ''),
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

function limitsOfTools(): ToolLimits {
  const limits: Record<string, { limit: number }> = {}
  for (const { name, limitPerMinute: limit } of tools) if (limit) limits[name] = { limit }
  return limits
}
