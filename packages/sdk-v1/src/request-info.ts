import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js'
import type {
  MessageExtraInfo,
  ServerNotification,
  ServerRequest,
} from '@modelcontextprotocol/sdk/types.js'

export type AnyExtra = RequestHandlerExtra<ServerRequest, ServerNotification>

/** Transports made for SDK v2, such as that of `@mcp-prod/sessions`, tell of the HTTP request itself; SDK v1 drops what it does not know. */
export function withRequestInfo(extra: MessageExtraInfo | undefined): MessageExtraInfo | undefined {
  const { request } = (extra ?? {}) as { request?: { headers: Headers; url: string } }
  if (!extra || !request || extra.requestInfo) return extra
  return { ...extra, requestInfo: { headers: Object.fromEntries(request.headers) } }
}
