import { choice, flag, secret, text, url } from '@mcp-prod/config'
import { addLogFields, type Logger } from '@mcp-prod/logging'
import { startTracing, type Tracing, traceFields } from '@mcp-prod/tracing'
import type { RequestHandler } from 'express'
import type { SharedConfig } from './config.js'
import { orFault } from './faults.js'
import { name, version } from './identity.js'

/** OpenTelemetry's own names; its other variables (OTEL_BSP_…, OTEL_RESOURCE_ATTRIBUTES) work too. */
export const tracingSettings = {
  OTEL_SDK_DISABLED: flag({ default: false }),
  OTEL_EXPORTER_OTLP_ENDPOINT: url({ optional: true }),
  OTEL_EXPORTER_OTLP_HEADERS: secret(text({ optional: true })),
  OTEL_TRACES_SAMPLER: choice(
    [
      'always_on',
      'always_off',
      'traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'parentbased_traceidratio',
    ],
    { default: 'parentbased_always_on' },
  ),
  OTEL_TRACES_SAMPLER_ARG: text({ default: '1' }),
}

/** Which of its variables a problem is with. */
const named = (problem: string) => /\bOTEL_[A-Z_]+/.exec(problem)?.[0] ?? 'OTEL_TRACES_SAMPLER'

/** Spans of requests, tool calls and what they call, sent to a collector in the background. */
export function createTracing(config: SharedConfig, logger: Logger): Tracing {
  const settings = Object.keys(tracingSettings).map((key) => [
    key,
    config[key as keyof typeof tracingSettings],
  ])
  const given = settings.filter(([, value]) => value !== undefined)
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...Object.fromEntries(given.map(([key, value]) => [key, `${value}`])),
  }
  // Nobody listens where nobody was named, and spans that are lost raise an alert.
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT && !env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
    env.OTEL_SDK_DISABLED = 'true'
  return orFault(named, () =>
    startTracing({
      serviceName: name,
      serviceVersion: version,
      logger,
      env,
      // A collector that is gone must not use up what a shutdown has for everything.
      closeTimeoutMs: 1_000,
    }),
  )
}

/** Names the trace in the access line, which is written when all spans have ended. */
export const logTrace: RequestHandler = (_req, _res, next) => {
  addLogFields({ ...traceFields() })
  next()
}
