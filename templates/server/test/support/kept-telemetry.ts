import { PassThrough } from 'node:stream'
import { createAudit, createLogger } from '@mcp-prod/logging'
import { createMetrics } from '@mcp-prod/metrics'
import { startTracing } from '@mcp-prod/tracing' // +tracing
import { definitions } from '../../src/definitions.js'
import { dependencies } from '../../src/services.js'
import type { Telemetry } from '../../src/telemetry.js'

const about = { serviceName: 'test', serviceVersion: '1.0.0' } // +tracing
const off = { OTEL_SDK_DISABLED: 'true' } // +tracing

/** What the server would tell, kept to be looked at. */
export function keptTelemetry() {
  const stream = new PassThrough()
  const lines: string[] = []
  stream.on('data', (chunk) => lines.push(String(chunk)))
  const logger = createLogger({ level: 'debug', stream })
  const audit = createAudit({ stream })
  const metrics = createMetrics({
    tools: definitions.tools.map((tool) => tool.name),
    names: definitions.labels,
    dependencies,
    runtime: false,
  })
  const telemetry: Telemetry = {
    logger,
    audit,
    metrics,
    tracing: startTracing({ ...about, logger, env: off }), // +tracing
  }
  return {
    telemetry,
    metrics: () => metrics.registry.metrics(),
    async logs() {
      await Promise.all([logger.flush(), audit.flush()])
      return lines.join('')
    },
  }
}
