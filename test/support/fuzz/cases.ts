import { authenticated, callerOf, misauthenticated } from './credentials.js'
import type { Exchange } from './exchange.js'
import { type Family, families, type Making } from './families.js'
import { hostileValues } from './hostile.js'
import { encode, HOST, type HttpRequest } from './http.js'
import { random as randomOf } from './random.js'
import type { Secrets } from './secrets.js'

export interface Case extends Exchange {
  index: number
  family: string
  /** Whose credentials were sent; `unknown` where the form of the request is broken. */
  caller: 'full' | 'bare' | 'nobody' | 'unknown'
  /** The path asked for. */
  target: string
  /** Whether a key or a token was sent as a name or an id, with which the protocol answers. */
  named: boolean
}

/** What cases are made of. */
export interface Cases {
  seed: string
  secrets: Secrets
  secretIn: (text: string) => string | undefined
}

/** The request of this number: the same for the same seed, whatever was sent before. */
export function makeCase({ seed, secrets, secretIn }: Cases, index: number): Case {
  const random = randomOf(`${seed}/${index}`)
  const family = familyOf(random.int(100))
  const sign = (request: HttpRequest) =>
    random.chance(family.good)
      ? authenticated(request, random, secrets)
      : misauthenticated(request, random, secrets)
  const hostile = hostileValues(random, secrets)
  const making: Making = { random, hostile, secrets, secretIn, sign }
  const { request, ending, parts, named = false } = family.make(making)
  // Only where it is clear that one answer is owed is it clear which one is the next.
  const goesOn = parts === undefined && random.chance(0.15)
  return {
    index,
    family: family.name,
    caller: family.name === 'framing' ? 'unknown' : callerOf(request, secrets),
    target: request.target,
    named,
    parts: parts ?? [encode(request)],
    ending,
    head: request.method === 'HEAD',
    ...(goesOn && { next: canary(index) }),
  }
}

/** The id by which the answer to a case's `next` is told from any other. */
export function canaryId(index: number): string {
  return `canary-${index}`
}

function canary(index: number): Buffer {
  const lines = [`Host: ${HOST}`, `X-Request-Id: ${canaryId(index)}`]
  return Buffer.from(`GET /nothing-here HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
}

function familyOf(dice: number): Family {
  let left = dice
  const found = families.find(({ weight }) => {
    left -= weight
    return left < 0
  })
  if (!found) throw new Error('the weights of the families make less than a hundred')
  return found
}
