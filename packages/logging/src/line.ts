import type { RequestContext } from './context.js'
import type { Redactor } from './redact.js'
import { fieldsOf, valueAt } from './safe.js'
import { type Serializer, serializers } from './serialize.js'
import { jsonText } from './text.js'

const MAX_FIELDS = 100
/** In the place of what the line says under a name of its own: no field says the same. */
export const OWN = Symbol('own')

interface Line {
  timeMs: number
  level: string
  message: unknown
  context: RequestContext | undefined
  /** Objects with the fields; the first that has a name wins. */
  sources: readonly unknown[]
}

/** Writes one JSON object without a newline. Never throws. */
export type LineWriter = (line: Line) => string

/**
 * Makes lines of `time`, `level`, `message`, `service`, `version`, `requestId`, then the fields. A field named like
 * one of these is left out when it says the same, and gets an underscore behind its name otherwise.
 */
export function createLineWriter(
  redactor: Redactor,
  service?: string,
  version?: string,
): LineWriter {
  const origin = originText(service, version)
  const lines = serializers(redactor)

  return function writeLine({ timeMs, level, message, context, sources }) {
    const json = lines.take()
    const requestId = context?.requestId
    const own = {
      time: OWN,
      level,
      message: message === undefined ? OWN : message,
      service: service ?? OWN,
      version: version ?? OWN,
      // Winston's transports skip a line that says `exception: true`.
      exception: OWN,
      requestId,
    }
    const id = requestId === undefined ? '' : `,"requestId":${json.text(requestId)}`
    const line = `{"time":"${isoTime(timeMs)}","level":"${level}","message":${json.text(textOf(message))}${origin}${id}${membersOf(json, own, sources)}}`
    lines.giveBack(json)
    return line
  }
}

/**
 * `,"name":value` for each field. A name of the line's `own` is left out where it says the same, and gets an underscore
 * behind it otherwise; one that is undefined there is not the line's own.
 */
export function membersOf(
  json: Serializer,
  own: Record<string, unknown>,
  sources: readonly unknown[],
): string {
  let text = ''
  // They are few: a set is slower to make than they are to look through.
  const taken: string[] = []
  for (const source of sources) {
    const fields = fieldsOf(source, MAX_FIELDS)
    for (let i = 0; i < fields.names.length; i++) {
      const key = fields.names[i] as string
      const value = valueAt(fields, i)
      // What is not known here another source may know.
      if (value === undefined || taken.includes(key)) continue
      let name = key
      const ours = own[key]
      // Hardly ever there, but every object seems to have a `constructor`.
      if (ours !== undefined && Object.hasOwn(own, key)) {
        if (ours === value) continue
        do name += '_'
        while (taken.includes(name))
      }
      taken.push(name)
      text += json.member(name, value)
    }
  }
  return text
}

function textOf(message: unknown): string {
  if (message === undefined || message === null || typeof message === 'object') return ''
  return String(message)
}

/** `,"service":…,"version":…`, of what there is. */
export function originText(service?: string, version?: string): string {
  return (
    (service === undefined ? '' : `,"service":${jsonText(service)}`) +
    (version === undefined ? '' : `,"version":${jsonText(version)}`)
  )
}

let second = Number.NaN
let start = ''

/** As `toISOString`, which costs more: many lines share a second. */
export function isoTime(timeMs: number): string {
  const current = Math.floor(timeMs / 1000)
  if (current !== second) {
    second = current
    start = new Date(current * 1000).toISOString().slice(0, -4)
  }
  return `${start}${String(timeMs - current * 1000).padStart(3, '0')}Z`
}
