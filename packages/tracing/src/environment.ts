import { accessSync, constants } from 'node:fs'
import { optionError } from './errors.js'

/** What we must know of the environment ourselves; all else the SDK reads. */
export interface Environment {
  disabled: boolean
  /** False with `OTEL_TRACES_EXPORTER=none`: traces are passed on, and nothing is sent. */
  exports: boolean
  maxQueueSize: number
  exportTimeoutMs: number
  /** The protocol of the variable is not the one we speak, though most collectors take both. */
  asksForProtobuf: boolean
  /** Where spans go, without credentials and query. */
  endpoint: string
}

const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
]
const PROTOCOLS = ['http/json', 'http/protobuf']
const PREFIX = 'OTEL_EXPORTER_OTLP_'

/**
 * Looks at those `OTEL_*` variables a mistake in which would lose spans, or send them elsewhere, with but a line in the log.
 *
 * @throws TypeError `ERR_TRACING_OPTION` naming variable, value and remedy.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): Environment {
  const text = (name: string) => (env[name]?.trim() ? env[name] : undefined)
  const disabled = text('OTEL_SDK_DISABLED')?.toLowerCase() === 'true'
  const exporter = oneOf('OTEL_TRACES_EXPORTER', text, ['otlp', 'none']) ?? 'otlp'
  const sampler = oneOf('OTEL_TRACES_SAMPLER', text, SAMPLERS)
  if (sampler?.endsWith('traceidratio')) number('OTEL_TRACES_SAMPLER_ARG', text, 0, 1)
  const protocols = signal('PROTOCOL').map((name) => oneOf(name, text, PROTOCOLS))
  for (const name of signal('COMPRESSION')) oneOf(name, text, ['none', 'gzip'])
  for (const name of signal('TIMEOUT')) number(name, text, 1, 600_000)
  for (const kind of ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'])
    for (const name of signal(kind)) readable(name, text)
  const endpoints = signal('ENDPOINT').map((name) => endpointOf(name, text))
  const maxQueueSize = whole('OTEL_BSP_MAX_QUEUE_SIZE', text, 1, 1_000_000) ?? 2048
  whole('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', text, 1, maxQueueSize)
  number('OTEL_BSP_SCHEDULE_DELAY', text, 0, 2 ** 31 - 1)
  const exportTimeoutMs = number('OTEL_BSP_EXPORT_TIMEOUT', text, 1, 600_000) ?? 30_000
  const endpoint = endpoints.find(Boolean) ?? 'http://localhost:4318'
  const asksForProtobuf = protocols.find(Boolean) === 'http/protobuf'
  const exports = exporter === 'otlp'
  return { disabled, exports, maxQueueSize, exportTimeoutMs, endpoint, asksForProtobuf }
}

/** The SDK reads `process.env` as it is made, and that alone: so it is what was given for as long as that takes. */
export function withinEnvironment<T>(env: NodeJS.ProcessEnv, make: () => T): T {
  if (env === process.env) return make()
  const before = otelOf(process.env)
  replaceOtel(otelOf(env))
  try {
    return make()
  } finally {
    replaceOtel(before)
  }
}

function otelOf(env: NodeJS.ProcessEnv): [string, string | undefined][] {
  return Object.entries(env).filter(([name]) => name.startsWith('OTEL_'))
}

function replaceOtel(entries: [string, string | undefined][]): void {
  for (const [name] of otelOf(process.env)) delete process.env[name]
  for (const [name, value] of entries) if (value !== undefined) process.env[name] = value
}

type Read = (name: string) => string | undefined

/** The variables of a setting, that of traces before that of all signals, as the SDK prefers them. */
function signal(kind: string): string[] {
  return [`${PREFIX}TRACES_${kind}`, `${PREFIX}${kind}`]
}

function oneOf(name: string, read: Read, known: readonly string[]): string | undefined {
  const value = read(name)
  if (value === undefined || known.includes(value)) return value
  return optionError(`${name} must be one of ${known.join(', ')}, got "${value.slice(0, 100)}"`)
}

function number(name: string, read: Read, least: number, most: number): number | undefined {
  const value = read(name)
  if (value === undefined) return undefined
  const found = Number(value)
  if (found >= least && found <= most) return found
  return optionError(
    `${name} must be a number from ${least} to ${most}, got "${value.slice(0, 100)}"`,
  )
}

function whole(name: string, read: Read, least: number, most: number): number | undefined {
  const found = number(name, read, least, most)
  if (found === undefined || Number.isInteger(found)) return found
  return optionError(`${name} must be a whole number, got "${found}"`)
}

function endpointOf(name: string, read: Read): string | undefined {
  const value = read(name)
  if (value === undefined) return undefined
  const url = URL.canParse(value) ? new URL(value) : undefined
  if (url && /^https?:$/.test(url.protocol)) return url.origin
  const shown = value
    .replace(/^.*@/s, '[hidden]@')
    .replace(/[?#].*$/s, '')
    .slice(0, 100)
  return optionError(
    `${name} must be an http or https URL such as http://collector:4318, got "${shown}"`,
  )
}

function readable(name: string, read: Read): void {
  const file = read(name)
  if (file === undefined) return
  try {
    accessSync(file, constants.R_OK)
  } catch {
    optionError(`${name} must name a file that can be read, got "${file}"`)
  }
}
