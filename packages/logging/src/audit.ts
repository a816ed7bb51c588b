import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { contextStorage } from './context.js'
import { isoTime, membersOf, OWN, originText } from './line.js'
import { requireFunction, requireName, requireNames, requireOption } from './options.js'
import { createRedactor } from './redact.js'
import { type ContextFields, contextEntries, fieldsOf, valueAt } from './safe.js'
import { serializers } from './serialize.js'
import { createSink } from './sink.js'
import { attempt, cutText, type Who } from './who.js'

/** One call, and whether it was let. Who called is filled in from the current request where the event does not say. */
export interface AuditEvent {
  /** `limited` by a rate or a capacity; `unauthenticated` when nobody knows who it was. */
  decision: 'allowed' | 'denied' | 'limited' | 'unauthenticated'
  /** Why it was not let, such as `scope` or `expired`. */
  reason?: string | undefined
  /** How an allowed call ended, such as `ok` or `timeout`. */
  outcome?: string | undefined
  durationMs?: number | undefined
  /** The JSON-RPC method. */
  method?: string | undefined
  tool?: string | undefined
  /** @default the current request's */
  requestId?: string | undefined
  /** @default the current request's, as `requestLog` knows it */
  principal?: string | undefined
  /** @default the current request's */
  tenant?: string | undefined
  /** The OAuth client or API key. @default the current request's */
  client?: string | undefined
  /** @default the current request's */
  remoteAddress?: string | undefined
  /** Anything else is written behind these. */
  [field: string]: unknown
}

export interface AuditOptions {
  /** Where the lines go; `openAudit` opens it by name. @default process.stdout */
  stream?: Writable
  /** Written to each line as `service`. */
  service?: string
  /** Written to each line as `version`. */
  version?: string
  /** Further key names, or dotted paths, whose values are not written. */
  redact?: readonly string[]
  /** Further fields, such as the ids of the active trace; asked when an event is told. */
  contextFields?: ContextFields
}

/** Writes one event as one line. Never throws, never waits. */
export interface Audit {
  (event: AuditEvent): void
  /** Resolves when every line so far has reached the stream, after five seconds at most. */
  flush(): Promise<void>
  /** Lines lost so far, because the stream was blocked for too long or a write failed. Only grows. */
  readonly dropped: number
}

const FLUSH_MS = 5000
const MAX_FIELDS = 50
const WHO = ['requestId', 'principal', 'tenant', 'client', 'remoteAddress'] as const
const WHAT = ['method', 'tool', 'decision', 'reason', 'outcome'] as const

/**
 * The audit: who called what, and whether they were let, as one JSON object per line. It is never sampled and has no level. Its
 * buffer is its own, also where it shares a stream with a logger, so that other lines never push its lines out.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` for a wrong option.
 */
export function createAudit(options: AuditOptions = {}): Audit {
  const { stream = process.stdout, service, version, redact = [], contextFields } = options
  requireOption(stream instanceof Writable, 'stream', 'a writable stream of Node', stream)
  requireName('service', service)
  requireName('version', version)
  requireNames('redact', redact)
  requireFunction('contextFields', contextFields)
  const lines = serializers(createRedactor(redact))
  const origin = originText(service, version)
  const own = { time: OWN, log: 'audit', service: service ?? OWN, version: version ?? OWN }

  function line(sources: readonly unknown[]): string {
    const json = lines.take()
    const members = membersOf(json, own, sources)
    lines.giveBack(json)
    return `{"time":"${isoTime(Date.now())}","log":"audit"${origin}${members}}\n`
  }

  const sink = createSink(stream, (dropped) => line([{ message: 'audit lines dropped', dropped }]))

  function audit(event: AuditEvent): void {
    const known = noFields()
    let rest: Map<string, unknown> | undefined
    const fields = fieldsOf(event, MAX_FIELDS)
    for (let i = 0; i < fields.names.length; i++) {
      const name = fields.names[i] as string
      const value = valueAt(fields, i)
      if (Object.hasOwn(known, name)) known[name as keyof Fields] = value
      else if (value !== undefined) rest = (rest ?? new Map<string, unknown>()).set(name, value)
    }
    complete(known)
    sink.write(line([known, rest, contextEntries(contextFields)]))
  }
  const flush = () => Promise.race([sink.flush(), delay(FLUSH_MS, undefined, { ref: false })])
  Object.defineProperty(audit, 'dropped', { get: () => sink.dropped })
  return Object.assign(audit as typeof audit & { readonly dropped: number }, { flush })
}

type Fields = Record<(typeof WHO)[number] | (typeof WHAT)[number] | 'durationMs', unknown>

/** The fields of every event, in their order. */
function noFields(): Fields {
  return {
    requestId: undefined,
    principal: undefined,
    tenant: undefined,
    client: undefined,
    remoteAddress: undefined,
    method: undefined,
    tool: undefined,
    decision: undefined,
    reason: undefined,
    outcome: undefined,
    durationMs: undefined,
  }
}

/** Fills in who asks. A text is cut, for most of them the caller chose. */
function complete(fields: Fields): void {
  const context = contextStorage.getStore()
  const asked: Who = (context && attempt(context.who)) ?? {}
  for (const name of WHO) {
    const own = name === 'requestId' ? context?.requestId : asked[name]
    fields[name] = cutText(fields[name]) ?? cutText(own)
  }
  for (const name of WHAT) fields[name] = cutText(fields[name])
  const { durationMs } = fields
  fields.durationMs = typeof durationMs === 'number' ? Math.round(durationMs * 10) / 10 : undefined
}
