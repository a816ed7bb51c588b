import type { AuthInfo } from '@modelcontextprotocol/server'
import {
  type CallLike,
  type Definitions,
  listenedUris,
  MAX_SUBSCRIBED_URIS,
} from './definitions.js'
import type { Located } from './locate.js'
import { countedAs, holdsScopes, principalOf } from './principal.js'
import { isPermitted, variablesOf } from './read.js'
import { type CallEnvironment, withinTime } from './run.js'
import type { Principal } from './types.js'

/** So many URIs of one request are looked at at a time: each may ask a database. */
const AT_ONCE = 4

/** What `subscriptions/listen` may hear of, or why it hears nothing. */
export type Listening =
  | { uris: readonly string[] }
  | { refused: 'scopes'; requiredScopes: readonly string[] }
  | { refused: 'too many'; limit: number }

export interface NarrowParts {
  definitions: Definitions
  environmentOf: (label: string) => CallEnvironment
  ignoreScopes: boolean
}

/**
 * Narrows the resources of a `subscriptions/listen` to those that there are and that the caller may read. When `request`
 * aborts it looks at no more of them.
 */
export async function narrowed(
  { definitions, environmentOf, ignoreScopes }: NarrowParts,
  call: CallLike,
  authInfo: AuthInfo | undefined,
  request: AbortSignal,
): Promise<Listening> {
  const asked = [...new Set(listenedUris(call.params))]
  if (asked.length > MAX_SUBSCRIBED_URIS) return { refused: 'too many', limit: MAX_SUBSCRIBED_URIS }
  const principal = principalOf(authInfo)
  const requiredScopes = definitions.scopesOf(call)
  if (!ignoreScopes && !holdsScopes(principal, { scopes: requiredScopes }))
    return { refused: 'scopes', requiredScopes }

  async function mayHear(uri: string): Promise<boolean> {
    const located = definitions.locate(uri)
    if (!located) return false
    const environment = environmentOf(located.definition.label)
    try {
      return await isHeard(located, uri, { principal, request, environment })
    } catch (error) {
      environment.logger.error('permits failed', { error })
      return false
    }
  }

  const heard = new Set<string>()
  const rest = asked.values()
  async function lookAtRest(): Promise<void> {
    for (const uri of rest) {
      if (request.aborted) return
      if (await mayHear(uri)) heard.add(uri)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lookAtRest))
  return { uris: asked.filter((uri) => heard.has(uri)) }
}

interface Hearing {
  principal: Principal | undefined
  request: AbortSignal
  environment: CallEnvironment
}

/** Within the time that a read would have, and not while too many earlier ones go on. */
async function isHeard(located: Located, uri: string, hearing: Hearing): Promise<boolean> {
  const { principal, request, environment } = hearing
  if (environment.abandoned.isFull(countedAs(principal))) return false
  const { definition } = located
  const bounds = { definition, request, principal, started: performance.now() }
  const outcome = await withinTime(bounds, environment, async (_, isOver) => {
    const checked = await variablesOf(located, uri)
    return 'input' in checked && !isOver() && isPermitted(located, checked.input, principal)
  })
  return !outcome.ended && outcome.value
}
