import { randomUUID } from 'node:crypto'
import { ElicitResultSchema } from '@modelcontextprotocol/sdk/types.js'
import type { CheckedServer } from './checked-server.js'
import type { AnyExtra } from './request-info.js'

/** Milliseconds that a human has for one answer; sessions have a limit of their own. */
const ANSWER_WITHIN_MS = 600_000

/** One of the `inputRequests` of `requireInput`. */
export interface Asked {
  method: 'elicitation/create' | 'sampling/createMessage' | 'roots/list'
  params?: Record<string, unknown>
}

/** Asks the client on the stream of the request that is being answered. */
export function senderOf(server: CheckedServer, { requestId: relatedRequestId }: AnyExtra) {
  return function send({ method, params = {} }: Asked, signal: AbortSignal): Promise<object> {
    const options = {
      relatedRequestId,
      timeout: ANSWER_WITHIN_MS,
      resetTimeoutOnProgress: true,
      onprogress: () => {},
      signal,
    }
    if (method === 'roots/list') return server.listRoots(params, options)
    if (method === 'sampling/createMessage')
      return server.createMessage(params as Parameters<typeof server.createMessage>[0], options)
    // Not by `elicitInput`, which compares the answer with the schema: `acceptedContent` does, and the tool can ask again.
    const request = { method, params: elicitation(params) } as Parameters<
      AnyExtra['sendRequest']
    >[0]
    return server.request(request, ElicitResultSchema, options)
  }
}

/** In 2025-11-25 the mode is said, and that of URLs has an id, which later revisions do without. */
function elicitation({ mode = 'form', ...params }: Record<string, unknown>) {
  const { elicitationId = randomUUID() } = params
  return { mode, ...params, ...(mode === 'url' && { elicitationId }) }
}
