// +tracing
import type { Tracing } from '@mcp-prod/tracing'
import type { UseRedis } from './redis.js'

/** What is asked of Redis inside spans, which are named after no command: several may be one piece of work. */
export function tracedUse(use: UseRedis, tracing: Tracing): { use?: UseRedis } {
  const attributes = { 'db.system.name': 'redis' }
  return {
    use: (work) => tracing.span('redis', { kind: 'client', attributes }, () => use(work)),
  }
}
