import { type CallLike, listenedUris } from './definitions.js'
import { askedOf } from './events.js'

/**
 * What a call asks for in its caller's words: a name or a URI, of `subscriptions/listen` each URI. Cut, and of a URI without user
 * and password: for an audit of what never ran, not for a metric's label.
 */
export function askedIn({ method, name, params }: CallLike): readonly string[] {
  if (method === 'subscriptions/listen') return listenedUris(params).map(askedOf)
  const asked = method === 'completion/complete' ? referenceOf(params?.ref) : name
  return typeof asked === 'string' ? [askedOf(asked)] : []
}

/** As `referredName` has it, of what nobody has checked. */
function referenceOf(ref: unknown): unknown {
  const { type, name, uri } = (ref ?? {}) as Record<string, unknown>
  return type === 'ref/prompt' ? name : uri
}
