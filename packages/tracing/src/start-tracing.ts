import { callSpans } from './call-span.js'
import { clientSpans } from './client-span.js'
import { hider, tellDiagnostics, warn } from './diagnostics.js'
import { readEnvironment, withinEnvironment } from './environment.js'
import { optionError } from './errors.js'
import { registerGlobally, unregister } from './global.js'
import { httpSpans } from './http-span.js'
import { pipeline } from './pipeline.js'
import type { Logger, Tracing } from './types.js'
import { workSpans } from './work-span.js'

export interface TracingOptions {
  /** `service.name`, unless `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say otherwise. */
  serviceName: string
  serviceVersion: string
  /** Told when spans begin to be lost and when they arrive again, and the SDK's own warnings. */
  logger: Logger
  /** Where the `OTEL_*` variables are. @default process.env */
  env?: NodeJS.ProcessEnv
  /** Milliseconds that `close()` takes at most. @default 3000 */
  closeTimeoutMs?: number
}

const NAME = '@mcp-prod/tracing'
const LONGEST_MS = 2 ** 31 - 1

/**
 * Starts OpenTelemetry's tracing for this process: spans in batches by OTLP over HTTP, W3C trace context and baggage. Call it
 * once, before what it traces is created.
 *
 * @throws TypeError `ERR_TRACING_OPTION` for a wrong option, or an `OTEL_*` variable that would lose spans unnoticed.
 */
export function startTracing(options: TracingOptions): Tracing {
  const { serviceName, serviceVersion, logger, env = process.env, closeTimeoutMs = 3000 } = options
  requireText('serviceName', serviceName)
  requireText('serviceVersion', serviceVersion)
  for (const level of ['debug', 'info', 'warn', 'error'] as const)
    if (typeof logger?.[level] !== 'function') optionError('logger must be a logger')
  if (
    !(Number.isSafeInteger(closeTimeoutMs) && closeTimeoutMs >= 0 && closeTimeoutMs <= LONGEST_MS)
  )
    optionError(
      `closeTimeoutMs must be a whole number of milliseconds from 0 to ${LONGEST_MS}, got ${String(closeTimeoutMs)}`,
    )
  const settings = readEnvironment(env)
  if (settings.disabled) return disabled()
  const hide = hider(env)
  tellDiagnostics(logger, hide)
  if (settings.asksForProtobuf)
    warn(logger, 'OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, spans are sent as http/json', {})
  const { provider, counts, close } = withinEnvironment(env, () =>
    pipeline({ serviceName, serviceVersion }, settings, logger, hide),
  )
  registerGlobally(provider)
  const tracer = provider.getTracer(NAME)
  let closing: Promise<void> | undefined

  async function end(): Promise<void> {
    await close(closeTimeoutMs)
    unregister(provider)
  }

  return {
    middleware: httpSpans(tracer),
    traceCall: callSpans(tracer),
    traceClient: clientSpans(tracer),
    span: workSpans(tracer),
    stats() {
      const { exported, failed, dropped } = counts
      return { exported, failed, dropped }
    },
    close() {
      closing ??= end()
      return closing
    },
  }
}

/** With `OTEL_SDK_DISABLED`: nothing is made, looked at or sent. */
function disabled(): Tracing {
  return {
    middleware: function tracingDisabled(_req, _res, next) {
      next()
    },
    traceCall: (_call, run) => run(),
    traceClient: (_request, send) => send(),
    span: (_name, _options, run) => run(),
    stats: () => ({ exported: 0, failed: 0, dropped: 0 }),
    close: async () => {},
  }
}

function requireText(option: string, value: unknown): void {
  if (typeof value === 'string' && value !== '') return
  optionError(`${option} must be a text that is not empty, got ${JSON.stringify(value)}`)
}
