import type { AuthInfo } from '@modelcontextprotocol/server'
import type { Work } from './attempt.js'
import { withinLimits } from './deadline.js'
import {
  type CallLike,
  type Definitions,
  listenedUris,
  MAX_SUBSCRIBED_URIS,
} from './definitions.js'
import type { Located } from './locate.js'
import { ResourceNotFoundError } from './not-found.js'
import { holdsScopes, principalOf } from './principal.js'
import { refuseByError, unknownResource, variablesOf } from './read.js'
import { ToolError } from './tool-error.js'
import type { Logger, Principal } from './types.js'

/** A subscription of the 2025 revisions: only to what the caller may read. */
export function subscribeWork(located: Located, uri: string, add: () => boolean): Work {
  const { definition, scopes } = located
  return {
    what: `Subscription to resource ${definition.name}`,
    definition,
    scopes,
    subject: { method: 'resources/subscribe', name: uri, input: {} },
    validate: () => variablesOf(located, uri),
    async run(input, { principal }) {
      if (!(await isPermitted(located, input, principal))) throw new ResourceNotFoundError()
      if (add()) return
      throw new ToolError(`A session may subscribe to ${MAX_SUBSCRIBED_URIS} resources at most`)
    },
    toResult: () => ({ outcome: 'ok', result: {} }),
    refuse: refuseByError,
    notFound: () => unknownResource(uri),
  }
}

/** What `subscriptions/listen` may hear of, or why it hears nothing. */
export type Listening =
  | { uris: readonly string[] }
  | { refused: 'scopes'; requiredScopes: readonly string[] }
  | { refused: 'too many'; limit: number }

/** Narrows the resources of a `subscriptions/listen` to those that there are and that the caller may read. */
export async function narrowed(
  definitions: Definitions,
  { ignoreScopes, logger }: { ignoreScopes: boolean; logger: Logger },
  call: CallLike,
  authInfo: AuthInfo | undefined,
): Promise<Listening> {
  const asked = new Set(listenedUris(call.params))
  if (asked.size > MAX_SUBSCRIBED_URIS) return { refused: 'too many', limit: MAX_SUBSCRIBED_URIS }
  const principal = principalOf(authInfo)
  const requiredScopes = definitions.scopesOf(call)
  if (!ignoreScopes && !holdsScopes(principal, { scopes: requiredScopes }))
    return { refused: 'scopes', requiredScopes }
  const mayHear = async (uri: string) => {
    const located = definitions.locate(uri)
    if (!located) return false
    try {
      return await isHeard(located, uri, principal)
    } catch (error) {
      logger.error('permits failed', { error, resource: located.definition.name })
      return false
    }
  }
  const uris = [...asked]
  const heard = await Promise.all(uris.map(mayHear))
  return { uris: uris.filter((_, index) => heard[index]) }
}

/** Within the time that a read would have. */
async function isHeard(located: Located, uri: string, principal: Principal | undefined) {
  const checked = await variablesOf(located, uri)
  if (!('input' in checked)) return false
  const outcome = await withinLimits(
    () => isPermitted(located, checked.input, principal),
    {
      timeoutMs: located.definition.timeoutMs,
      request: new AbortController().signal,
      shutdown: new Set(),
      shuttingDown: false,
    },
    (working) => working.catch(() => {}),
  )
  return !outcome.ended && outcome.value
}

async function isPermitted(
  { definition }: Located,
  input: unknown,
  principal: Principal | undefined,
): Promise<boolean> {
  if (definition.kind === 'resource') return true
  const permitted = await definition.permits(
    input as { uri: string; variables: unknown },
    principal,
  )
  return permitted === true
}
