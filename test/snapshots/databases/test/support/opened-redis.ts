import { loadConfig } from '@mcp-prod/config'
import { createRedis, redisSettings } from '../../src/redis.js'
import { keptTelemetry } from './kept-telemetry.js'

/** The connection as the server has it, for tests of it alone, and what it wrote into the log. */
export function openedRedis(env: NodeJS.ProcessEnv) {
  const { telemetry, metrics, logs } = keptTelemetry()
  const redis = createRedis(loadConfig(redisSettings, { env }), telemetry)
  return {
    ...redis,
    async ready() {
      for (let tries = 0; tries < 100; tries++) {
        const up = await redis.check().then(
          () => true,
          () => false,
        )
        if (up) return
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      throw new Error('Redis does not answer')
    },
    metrics,
    logs,
  }
}
