import type { RequestContext } from './context.js'
import type { Redactor } from './redact.js'
import { eachEntry } from './safe.js'
import { type Serializer, serializers } from './serialize.js'
import { jsonText } from './text.js'

const MAX_FIELDS = 100

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
    // Winston's transports skip a line that says `exception: true`, so that name is reserved too.
    const always = { time: undefined, level, message, service, version, exception: undefined }
    const requestId = context?.requestId
    const own = requestId === undefined ? always : { ...always, requestId }
    const id = requestId === undefined ? '' : `,"requestId":${json.text(requestId)}`
    const line = `{"time":"${isoTime(timeMs)}","level":"${level}","message":${json.text(textOf(message))}${origin}${id}${membersOf(json, own, sources)}}`
    lines.giveBack(json)
    return line
  }
}

/** `,"name":value` for each field. A name of the line's `own` is left out or gets an underscore behind it. */
export function membersOf(json: Serializer, own: object, sources: readonly unknown[]): string {
  let text = ''
  // They are few: a set is slower to make than they are to look through.
  const names: string[] = []
  function add(key: string, value: unknown): void {
    // What is not known here another source may know.
    if (value === undefined || names.includes(key)) return
    let name = key
    if (Object.hasOwn(own, key)) {
      if (Reflect.get(own, key) === value) return
      do name += '_'
      while (names.includes(name))
    }
    names.push(name)
    const member = json.member(name, value)
    if (member) text += `,${member}`
  }
  for (const source of sources) eachEntry(source, MAX_FIELDS, add)
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
