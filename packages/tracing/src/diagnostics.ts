import { DiagLogLevel, diag } from '@opentelemetry/api'
import { clean } from './text.js'
import type { Logger } from './types.js'

const MAX_CHARS = 500
/** The SDK repeats itself: the same text is told once in so many milliseconds. */
const QUIET_MS = 60_000
const MAX_TEXTS = 20

/** Hides the tokens of `OTEL_EXPORTER_OTLP_*HEADERS` and the credentials of URLs in a text. */
export function hider(env: NodeJS.ProcessEnv): (text: string) => string {
  const secrets = ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS']
    .flatMap((name) => (env[name] ?? '').split(','))
    .map((pair) => pair.slice(pair.indexOf('=') + 1).trim())
    .flatMap((value) => [value, decoded(value), ...decoded(value).split(/\s+/)])
    .filter((value) => value.length >= 4)
    .sort((a, b) => b.length - a.length)
  return function hide(text) {
    const hidden = secrets.reduce((shown, secret) => shown.replaceAll(secret, '[hidden]'), text)
    return clean(hidden.replace(/\/\/[^/@\s]*@/g, '//[hidden]@'), MAX_CHARS)
  }
}

/** Hands the SDK's own warnings and errors to our log. What they carry besides text is left out: it may be spans or answers. */
export function tellDiagnostics(logger: Logger, hide: (text: string) => string): void {
  const told = new Map<string, number>()
  function tell(...parts: unknown[]): void {
    const text = hide(parts.map(textOf).filter(Boolean).join(' '))
    const kind = text.replace(/\d+/g, '0')
    const now = performance.now()
    if (now - (told.get(kind) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return
    if (told.size >= MAX_TEXTS) told.clear()
    told.set(kind, now)
    warn(logger, 'opentelemetry', { detail: text })
  }
  const quiet = () => {}
  const adapter = { error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet }
  diag.setLogger(adapter, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true })
}

/** A log that fails must not fail whom it is told about. */
export function warn(logger: Logger, message: string, fields: Record<string, unknown>): void {
  try {
    logger.warn(message, fields)
  } catch {}
}

function textOf(part: unknown): string {
  if (part instanceof Error) return `${part.name}: ${part.message}`
  // Errors come as texts too, with their stacks.
  return typeof part === 'string' ? (part.split('\n', 1)[0] ?? '') : ''
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}
