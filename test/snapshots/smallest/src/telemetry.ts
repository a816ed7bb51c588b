import { type Audit, createAudit, createLogger, type Logger, openAudit } from '@mcp-prod/logging'
import { createMetrics, type Metrics } from '@mcp-prod/metrics'
import type { Config } from './config.js'
import { orFault } from './faults.js'
import { name, version } from './identity.js'
import { dependencies } from './services.js'
import { tools } from './tools/index.js'

/** What the process tells of itself. */
export interface Telemetry {
  logger: Logger
  /** Who called what, and whether they were let. */
  audit: Audit
  metrics: Metrics
}

/** @throws ConfigError when the audit's file cannot be opened. */
export function createTelemetry(config: Config): Telemetry {
  const about = {
    service: name,
    version,
  }
  const logger = createLogger({ level: config.LOG_LEVEL, ...about })
  const onError = (error: Error) => logger.error('the audit cannot be written', { error })
  const stream = orFault(
    () => 'AUDIT_LOG',
    () => openAudit(config.AUDIT_LOG, { onError }),
  )
  const audit = createAudit({ stream, ...about })
  const metrics = createMetrics({
    name,
    version,
    tools: tools.map((tool) => tool.name),
    dependencies,
  })
  metrics.observeLog('main', () => logger.dropped)
  metrics.observeLog('audit', () => audit.dropped)
  return {
    logger,
    audit,
    metrics,
  }
}
