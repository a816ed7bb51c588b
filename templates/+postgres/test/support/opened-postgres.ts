import { PassThrough } from 'node:stream'
import { loadConfig } from '@mcp-prod/config'
import { createLogger } from '@mcp-prod/logging'
import { createMetrics } from '@mcp-prod/metrics'
import { createPostgres, postgresSettings } from '../../src/postgres.js'

/** The pool as the server has it, for tests of it alone, and what it wrote into the log. */
export function openedPostgres(env: NodeJS.ProcessEnv) {
  const stream = new PassThrough()
  const lines: string[] = []
  stream.on('data', (chunk) => lines.push(String(chunk)))
  const logger = createLogger({ level: 'debug', stream })
  const metrics = createMetrics({ runtime: false })
  const postgres = createPostgres(loadConfig(postgresSettings, { env }), { logger, metrics })
  return {
    ...postgres,
    metrics: () => metrics.registry.metrics(),
    logs: async () => {
      await logger.flush()
      return lines.join('')
    },
  }
}

export const patience = () => AbortSignal.timeout(30_000)
