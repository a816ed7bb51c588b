import { loadConfig } from '@mcp-prod/config'
import { createPostgres, postgresSettings } from '../../src/postgres.js'
import { keptTelemetry } from './kept-telemetry.js'

/** The pool as the server has it, for tests of it alone, and what it wrote into the log. */
export function openedPostgres(env: NodeJS.ProcessEnv) {
  const { telemetry, metrics, logs } = keptTelemetry()
  const postgres = createPostgres(loadConfig(postgresSettings, { env }), telemetry)
  return { ...postgres, metrics, logs }
}

export const patience = () => AbortSignal.timeout(30_000)
