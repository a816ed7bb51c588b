import { PassThrough } from 'node:stream'
import { loadConfig } from '@mcp-prod/config'
import { createLogger } from '@mcp-prod/logging'
import { createMetrics } from '@mcp-prod/metrics'
import { createRedis, redisSettings } from '../../src/redis.js'

/** The connection as the server has it, for tests of it alone, and what it wrote into the log. */
export function openedRedis(env: NodeJS.ProcessEnv) {
  const stream = new PassThrough()
  const lines: string[] = []
  stream.on('data', (chunk) => lines.push(String(chunk)))
  const logger = createLogger({ level: 'debug', stream })
  const metrics = createMetrics({ runtime: false })
  const redis = createRedis(loadConfig(redisSettings, { env }), { logger, metrics })
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
    metrics: () => metrics.registry.metrics(),
    logs: async () => {
      await logger.flush()
      return lines.join('')
    },
  }
}
