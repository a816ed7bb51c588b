import type { Ending } from './exchange.js'
import { breakFraming } from './framing.js'
import type { Hostile } from './hostile.js'
import { encode, encodeHead, type HttpRequest, postTo, setHeader } from './http.js'
import { changeNames, Raw, treeOf, write } from './json.js'
import { anyMessage, isSlow, type Message, modernCall, toolCall } from './messages.js'
import { mutateHeaders } from './mutate-headers.js'
import { mutateText, mutateTree } from './mutate-json.js'
import type { Random } from './random.js'
import type { Secrets } from './secrets.js'
import { anyTarget } from './targets.js'

export interface Making {
  random: Random
  hostile: Hostile
  secrets: Secrets
  secretIn: (text: string) => string | undefined
  /** Adds credentials, good ones in the family's share. */
  sign: (request: HttpRequest) => HttpRequest
}

export interface Made {
  request: HttpRequest
  ending: Ending
  /** What is sent in place of the request as it is. */
  parts?: readonly Buffer[]
  named?: boolean
}

export interface Family {
  name: string
  /** So many of a hundred cases are of it. */
  weight: number
  /** The share of them with good credentials. */
  good: number
  make: (making: Making) => Made
}

export const families: readonly Family[] = [
  { name: 'framing', weight: 22, good: 0.5, make: framing },
  { name: 'headers', weight: 20, good: 0.35, make: headers },
  { name: 'targets', weight: 8, good: 0.3, make: targets },
  { name: 'messages', weight: 25, good: 0.65, make: messages },
  { name: 'arguments', weight: 20, good: 0.7, make: toolArguments },
  { name: 'abandoned', weight: 5, good: 0.85, make: abandoned },
]

/** Requests that are no HTTP, or of which two readers would see two things. */
function framing({ random, hostile, secrets, sign }: Making): Made {
  const message = random.chance(0.5) ? toolCall(random) : anyMessage(random, hostile)
  const request = sign(post(message))
  const { parts, garbled } = breakFraming(request, random, secrets)
  // What was moved about may have become part of a name.
  return { request, parts, ending: 'open', named: garbled }
}

function headers({ random, hostile, secrets, sign }: Making): Made {
  const message = random.chance(0.5) ? toolCall(random) : anyMessage(random, hostile)
  const request = mutateHeaders(sign(post(message)), random, secrets)
  return { request, ending: endingOf(request) }
}

function targets({ random, hostile, secrets, sign }: Making): Made {
  const { method, target } = anyTarget(random, secrets)
  const message = post(anyMessage(random, hostile))
  const body = random.chance(0.3) && method !== 'HEAD' ? message.body : Buffer.alloc(0)
  const request = sign({ ...message, method, target, body })
  return { request, ending: endingOf(request) }
}

/** JSON-RPC of the wrong shape, in its structure or in its bytes. */
function messages(making: Making): Made {
  const { random, hostile, sign } = making
  const { chance, int } = random
  const message = anyMessage(random, hostile)
  // Messages of both eras, with ids that meet.
  const others = chance(0.1)
    ? Array.from({ length: int(6) }, () => anyMessage(random, hostile))
    : []
  const bodies = others.map(({ body }) => ({ ...body, id: int(3) }))
  const named = chance(0.06)
  const tree = treeOf(bodies.length > 0 ? [message.body, ...bodies] : message.body)
  const text = write(mutated(tree, named, making))
  // A token in a name is known by its form alone, which must stay.
  const body = !named && chance(0.25) ? mutateText(text, random) : Buffer.from(text)
  const padding = chance(0.006) ? Buffer.alloc(4.2 * 1024 * 1024, ' ') : Buffer.alloc(0)
  const request = sign(postTo(message.headers, Buffer.concat([padding, body])))
  return { request, ending: endingOf(request), named }
}

function mutated(tree: unknown, named: boolean, making: Making): unknown {
  const { random, hostile, secrets, secretIn } = making
  const { chance, pick } = random
  const changed = chance(0.75)
    ? changeNames(mutateTree(tree, random, hostile), withoutSecret(secretIn))
    : tree
  if (!named) return changed
  return changeNames(changed, (name) => (chance(0.5) ? pick([secrets.key, secrets.jwt]) : name))
}

function toolArguments({ random, hostile, sign }: Making): Made {
  const { chance, pick, int } = random
  const message = toolCall(random, (args) => {
    if (chance(0.1)) return args
    if (chance(0.1)) return { numbers: Array(1 + int(40)).fill(pick(EXTREMES)) }
    if (chance(0.1)) return { latitude: pick(EXTREMES), longitude: pick(EXTREMES) }
    return new Raw(write(mutateTree(treeOf(args), random, hostile)))
  })
  const request = sign(post(message))
  return { request, ending: endingOf(request) }
}

const EXTREMES = [
  ...[Number.MAX_VALUE, -Number.MAX_VALUE, Number.MIN_VALUE, 2 ** 53, -(2 ** 63), 1e308],
  ...[90, -90, 90.000001, 180, -180, -180.1, -0],
].map((number) => new Raw(Object.is(number, -0) ? '-0' : String(number)))

/** Streams, slow calls and uploads whose client goes away. */
function abandoned({ random, sign }: Making): Made {
  const { chance, pick, int } = random
  const message = chance(0.5) ? modernCall(random, 'subscriptions/listen') : toolCall(random)
  const whole = sign(post(message))
  const request = chance(0.1) ? { ...whole, method: 'GET', body: Buffer.alloc(0) } : whole
  const bytes = encode(request)
  const larger = setHeader(
    request,
    'Content-Length',
    String(request.body.length + 1 + int(3_000_000)),
  )
  const forms: Pick<Made, 'parts' | 'ending'>[] = [
    { parts: [bytes], ending: 'begun' },
    { parts: [bytes], ending: 'half' },
    { parts: [bytes], ending: 'cut' },
    { parts: [bytes], ending: 'reset' },
    { parts: [bytes.subarray(0, int(bytes.length))], ending: pick(['cut', 'reset']) },
    { parts: [encodeHead(larger)], ending: pick(['cut', 'reset']) },
    { parts: [encodeHead(larger), request.body], ending: pick(['open', 'half', 'reset']) },
    {
      parts: [Buffer.concat([bytes, bytes, bytes])],
      ending: pick(['half', 'cut', 'reset', 'begun']),
    },
  ]
  return { request, ...pick(forms) }
}

function post({ headers, body }: Message): HttpRequest {
  return postTo(headers, Buffer.from(write(treeOf(body))))
}

/** More than a server reads at once: when it closes over the rest, TCP may throw its answer away. */
const LARGE_BYTES = 16_000

/** A slow call is given up, or ten thousand of them would take an hour. */
function endingOf({ body }: HttpRequest): Ending {
  const mayHaveNone = body.length > LARGE_BYTES || isSlow(body.toString('latin1'))
  return mayHaveNone ? 'open' : 'answered'
}

/**
 * What a caller names is answered with and logged, as it must be: an id, a method, a tool. A password there is the caller's
 * own fault, and cannot be told from a name.
 */
function withoutSecret(secretIn: Making['secretIn']) {
  return (name: unknown) => (secretIn(write(name)) ? 'no-secret' : name)
}
