/** What a bus carries, as the SDK's server has it. */
export type BusEvent = (
  | { kind: 'tools_list_changed' }
  | { kind: 'prompts_list_changed' }
  | { kind: 'resources_list_changed' }
  | { kind: 'resource_updated'; uri: string }
) & { params?: Record<string, unknown> | undefined }

export const LISTS: readonly BusEvent[] = [
  { kind: 'tools_list_changed' },
  { kind: 'prompts_list_changed' },
  { kind: 'resources_list_changed' },
]
/** In place of events that a process could not hold until Redis was back. */
export const LOST = '{"kind":"lost"}'
/** Of one entry in Redis; a longer one is of somebody else. */
export const MAX_ENTRY_BYTES = 16_384

const MAX_EVENT_BYTES = 8_192
const MAX_URI_CHARS = 2_048
const KINDS: readonly unknown[] = LISTS.map(({ kind }) => kind)

/** An event as text, without parameters that are too long; undefined when it cannot be sent at all. */
export function textOf(event: BusEvent): string | undefined {
  const { kind, uri, params } = event as { kind: string; uri?: string; params?: unknown }
  const bare = { kind, ...(uri !== undefined && { uri }) }
  if (!eventOf(bare)) return undefined
  const whole = { ...bare, ...(params !== undefined && { params }) }
  return jsonOf(whole) ?? jsonOf(bare)
}

function jsonOf(event: unknown): string | undefined {
  try {
    const text = JSON.stringify(event)
    return Buffer.byteLength(text) <= MAX_EVENT_BYTES ? text : undefined
  } catch {
    return undefined
  }
}

/** Entries for Redis, each of them as many events as it may hold, and how many events are in them. */
export function entriesOf(texts: readonly string[], maxEntries: number) {
  const entries: string[][] = []
  let bytes = MAX_ENTRY_BYTES
  let count = 0
  for (const text of texts) {
    bytes += Buffer.byteLength(text) + 1
    if (bytes > MAX_ENTRY_BYTES) {
      if (entries.length === maxEntries) break
      entries.push([])
      bytes = Buffer.byteLength(text) + 2
    }
    entries.at(-1)?.push(text)
    count++
  }
  return { entries: entries.map((of) => `[${of.join()}]`), count }
}

export interface Received {
  events: BusEvent[]
  /** Whether somebody has lost events. */
  lost: boolean
  /** What was no event. */
  ignored: number
}

/** The events of an entry, which anybody may have written who can write to Redis. */
export function receivedOf(entry: string): Received {
  const values = arrayOf(entry)
  if (!values) return { events: [], lost: false, ignored: 1 }
  const received: Received = { events: [], lost: false, ignored: 0 }
  for (const value of values) {
    const event = eventOf(value)
    if (event) received.events.push(event)
    else if ((value as { kind?: unknown } | null)?.kind === 'lost') received.lost = true
    else received.ignored++
  }
  return received
}

function arrayOf(text: string): unknown[] | undefined {
  try {
    const values: unknown = JSON.parse(text)
    return Array.isArray(values) ? values : undefined
  } catch {
    return undefined
  }
}

function eventOf(value: unknown): BusEvent | undefined {
  if (!isObject(value)) return undefined
  const { kind, uri, params } = value
  if (params !== undefined && !isObject(params)) return undefined
  const more = params && { params }
  if (KINDS.includes(kind)) return { kind, ...more } as BusEvent
  if (kind !== 'resource_updated' || !isUri(uri)) return undefined
  return { kind, uri, ...more }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isUri(uri: unknown): uri is string {
  if (typeof uri !== 'string' || uri === '' || uri.length > MAX_URI_CHARS) return false
  return !/\p{Cc}/u.test(uri)
}
