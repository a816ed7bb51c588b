import type { LoggingLevel, ServerContext } from '@modelcontextprotocol/server'
import type { AnyExtra } from './request-info.js'

/** What one round of a request was given by the client, beside its parameters. */
export interface Round {
  inputResponses?: Record<string, unknown>
  requestState?: string
}

/** How one request reaches its client. */
export interface Line {
  /** On the stream of the request's own answer. */
  notify: ServerContext['mcpReq']['notify']
  /** Whether the client wants lines of a level: as in SDK v2, without a session all of them. */
  wants(level: LoggingLevel): boolean
}

/**
 * What the engine reads of a request, from what SDK v1 tells of it. It asks through results alone, so there is nothing to
 * send requests with.
 */
export function contextOf(
  method: string,
  extra: AnyExtra,
  { notify, wants }: Line,
  { inputResponses, requestState }: Round = {},
): ServerContext {
  const { requestId: id, signal, _meta, authInfo, requestInfo, sessionId } = extra
  const headerOf = (name: string) => String(requestInfo?.headers[name] ?? '') || null
  const context = {
    ...(sessionId !== undefined && { sessionId }),
    mcpReq: {
      id,
      method,
      signal,
      _meta,
      inputResponses,
      requestState: () => requestState,
      notify,
      async log(level: LoggingLevel, data: unknown, logger?: string) {
        if (!wants(level)) return
        await notify({ method: 'notifications/message', params: { level, data, logger } })
      },
    },
    ...((authInfo || requestInfo) && { http: { authInfo, req: { headers: { get: headerOf } } } }),
  }
  return context as unknown as ServerContext
}
