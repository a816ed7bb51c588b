import { randomUUID } from 'node:crypto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { boundedProcessor } from './bounded-processor.js'
import { countingExporter } from './counting-exporter.js'
import type { Environment } from './environment.js'
import { exportNews } from './export-news.js'
import { tally } from './tally.js'
import type { Logger } from './types.js'

export interface Service {
  serviceName: string
  serviceVersion: string
}

/** The way of spans: guard, batches, exporter. */
export function pipeline(
  service: Service,
  { exports, maxQueueSize, exportTimeoutMs, endpoint }: Environment,
  logger: Logger,
  hide: (text: string) => string,
) {
  const counts = tally()
  const news = exportNews(logger, endpoint, hide)
  const processor = exports
    ? boundedProcessor(
        new BatchSpanProcessor(
          countingExporter(new OTLPTraceExporter(), {
            timeoutMs: exportTimeoutMs,
            counts,
            ...news,
          }),
          // Ours is the one that counts.
          { exportTimeoutMillis: 2 * exportTimeoutMs },
        ),
        maxQueueSize,
        counts,
        news.onFull,
      )
    : undefined
  const provider = new NodeTracerProvider({
    resource: resourceOf(service),
    spanProcessors: processor ? [processor] : [],
  })

  /** Sends what is left within the time; what is left then counts as lost. */
  async function close(timeoutMs: number): Promise<void> {
    processor?.stop()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
    })
    await Promise.race([provider.shutdown().catch(() => {}), late])
    clearTimeout(timer)
    counts.isClosed = true
    counts.failed += counts.inFlight
    counts.dropped += counts.queued
    const lost = counts.inFlight + counts.queued
    if (lost > 0) news.onLost(lost)
  }

  return { provider, counts, close }
}

/** What the operator says of the service in `OTEL_*` goes before what the program says of itself. */
function resourceOf({ serviceName, serviceVersion }: Service) {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': serviceName,
        'service.version': serviceVersion,
        'service.instance.id': randomUUID(),
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }))
}
