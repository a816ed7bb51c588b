import { type Audit, createAudit, createLogger, type Logger, openAudit } from '@mcp-prod/logging'
import { createMetrics, type Metrics } from '@mcp-prod/metrics'
import { workerLink } from '@mcp-prod/workers'
import type { Config } from './config.js'
import { definitions } from './definitions.js'
import { orFault } from './faults.js'
import { name, version } from './identity.js'
import { dependencies } from './services.js'

/** What the process tells of itself. */
export interface Telemetry {
  logger: Logger
  /** Who called what, and whether they were let. */
  audit: Audit
  metrics: Metrics
}

const worker = workerLink()?.id

/** What each line says of itself: which worker wrote it, where there are several. */
function ownFields() {
  return {
    ...(worker !== undefined && { worker }),
  }
}

/** @throws ConfigError when the audit's file cannot be opened. */
export function createTelemetry(config: Config): Telemetry {
  const about = {
    service: name,
    version,
    contextFields: ownFields,
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
    tools: definitions.tools.map((tool) => tool.name),
    names: definitions.labels,
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
