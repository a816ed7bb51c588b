import { createHash, randomBytes } from 'node:crypto'
import {
  createRequestStateCodec,
  ProtocolError,
  ProtocolErrorCode,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { optionError } from './errors.js'
import { principalOf } from './principal.js'

const MIN_KEY_BYTES = 32
const MAX_STATE_CHARS = 64 * 1024

/** What a state was signed for: it must come back with the same request. */
export interface StateSubject {
  method: string
  name: string
  input: unknown
}

interface Payload {
  /** Of the request it belongs to. */
  of: string
  state: unknown
}

/** Signs what a client keeps for the server between two rounds of a request, and reads it again. */
export interface RequestStates {
  mint(state: unknown, subject: StateSubject, context: ServerContext): Promise<string>
  /** @throws InvalidStateError for a state that is not ours, has expired, or is another caller's or request's. */
  read(subject: StateSubject, context: ServerContext): Promise<unknown>
}

/**
 * Signs with the first key and accepts all, so that keys can be rotated: put the new one first, and take the old one out when
 * what it signed has expired. Without keys there is one that nobody else has.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a key that is too short, or a time that is none.
 */
export function requestStates(
  keys: readonly (string | Uint8Array)[] = [randomBytes(MIN_KEY_BYTES)],
  ttlMs: number,
): RequestStates {
  if (!Array.isArray(keys) || keys.length === 0)
    optionError('requestStateKeys must be a list with a key at least, the newest first')
  const codecs = keys.map((key: string | Uint8Array, index) => {
    const bytes = typeof key === 'string' ? Buffer.byteLength(key) : key?.byteLength
    // The key itself never gets into the message.
    if (!(bytes >= MIN_KEY_BYTES))
      optionError(`requestStateKeys[${index}] must have ${MIN_KEY_BYTES} bytes or more`)
    return createRequestStateCodec<Payload>({ key, ttlSeconds: ttlMs / 1000, bind: callerOf })
  })
  const [newest] = codecs as [RequestStateCodec<Payload>, ...RequestStateCodec<Payload>[]]

  return {
    async mint(state, subject, context) {
      const text = await newest.mint({ of: fingerprint(subject), state }, context)
      if (text.length <= MAX_STATE_CHARS) return text
      throw new Error(
        `a state of requireInput must stay below ${MAX_STATE_CHARS} characters signed`,
      )
    },
    async read(subject, context) {
      const text = context.mcpReq.requestState<unknown>()
      if (text === undefined) return undefined
      if (typeof text !== 'string' || text.length > MAX_STATE_CHARS) throw new InvalidStateError()
      for (const codec of codecs) {
        const payload = await codec.verify(text, context).catch(() => undefined)
        if (payload?.of === fingerprint(subject)) return payload.state
      }
      throw new InvalidStateError()
    },
  }
}

function callerOf({ http }: ServerContext): string {
  const { id, clientId, tenant } = principalOf(http?.authInfo) ?? {}
  return JSON.stringify([id ?? null, clientId ?? null, tenant ?? null])
}

function fingerprint({ method, name, input }: StateSubject): string {
  const text = JSON.stringify([method, name, sorted(input)])
  return createHash('sha256').update(text).digest('base64url')
}

/** The same for the same members, in whatever order they come. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => [name, sorted(member)])
}

/** A state that did not hold; what the caller is told is said in the SDK's own words. */
export class InvalidStateError extends Error {
  readonly answer = new ProtocolError(
    ProtocolErrorCode.InvalidParams,
    'Invalid or expired requestState',
    { reason: 'invalid_request_state' },
  )
}
