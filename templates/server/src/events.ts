import type { Check } from '@mcp-prod/health'
import type { ServerEventBus } from '@mcp-prod/tools'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'

interface EventParts {
  telemetry: Telemetry
  services: Services
  /** The resources whose changes this process's subscribers wait for. */
  watched: () => Iterable<string>
}

interface Events {
  /** Undefined: what happens in this process is told to its own subscribers alone. */
  bus: ServerEventBus | undefined
  checks: Record<string, Check>
  close(): Promise<void>
}

/** What carries the news that a resource or a list has changed. Another replica's subscribers do not hear of it. */
export function createEvents(_parts: EventParts): Events {
  return { bus: undefined, checks: {}, close: async () => {} }
}
