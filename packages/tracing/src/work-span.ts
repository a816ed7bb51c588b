import {
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { clean, errorType } from './text.js'
import type { SpanOptions, Tracing } from './types.js'

const KINDS = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
}

/** Spans for what the kit does not know of, such as database calls. */
export function workSpans(tracer: Tracer): Tracing['span'] {
  return function span<T>(
    name: string,
    { kind = 'internal', attributes = {} }: SpanOptions,
    run: () => T,
  ): T {
    const active = context.active()
    const opened = tracer.startSpan(clean(name, 128), { kind: KINDS[kind] }, active)
    if (opened.isRecording()) setAttributes(opened, attributes)
    return context.with(trace.setSpan(active, opened), () => within(opened, run))
  }
}

function setAttributes(span: Span, attributes: NonNullable<SpanOptions['attributes']>): void {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined) continue
    span.setAttribute(key, typeof value === 'string' ? clean(value, 1024) : value)
  }
}

function within<T>(span: Span, run: () => T): T {
  function fail(error: unknown): never {
    span.setAttribute('error.type', errorType(error)).setStatus({ code: SpanStatusCode.ERROR })
    span.end()
    throw error
  }
  try {
    const result = run()
    if (result instanceof Promise) {
      return result.then((value) => {
        span.end()
        return value
      }, fail) as T
    }
    span.end()
    return result
  } catch (error) {
    return fail(error)
  }
}
