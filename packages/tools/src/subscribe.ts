import type { Work } from './attempt.js'
import { MAX_SUBSCRIBED_URIS } from './definitions.js'
import type { Located } from './locate.js'
import { ResourceNotFoundError } from './not-found.js'
import { isPermitted, refuseByError, unknownResource, variablesOf } from './read.js'
import { ToolError } from './tool-error.js'

/** A subscription of the 2025 revisions: only to what the caller may read. */
export function subscribeWork(located: Located, uri: string, add: () => boolean): Work {
  const { definition, scopes } = located
  return {
    what: `Subscription to resource ${definition.name}`,
    definition,
    scopes,
    subject: { method: 'resources/subscribe', name: uri, input: {} },
    validate: () => variablesOf(located, uri),
    async run(input, { principal, signal }) {
      if (!(await isPermitted(located, input, principal))) throw new ResourceNotFoundError()
      // Who called has been told that it did not happen, or is gone and would never unsubscribe.
      signal.throwIfAborted()
      if (add()) return
      throw new ToolError(`A session may subscribe to ${MAX_SUBSCRIBED_URIS} resources at most`)
    },
    toResult: () => ({ outcome: 'ok', result: {} }),
    refuse: refuseByError,
    notFound: () => unknownResource(uri),
  }
}
