import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js'
import {
  classifyInboundRequest,
  PROTOCOL_VERSION_META_KEY,
  UnsupportedProtocolVersionError,
} from '@modelcontextprotocol/server'

const FIRST_MODERN_VERSION = '2026-07-28'
const MAX_VERSION_CHARS = 64

/** Why a request is not served, as HTTP and JSON-RPC have it. */
export interface Refusal {
  status: number
  code: number
  message: string
  data?: unknown
}

/**
 * What SDK v1 must not see: requests of 2026-07-28 and later (-32022 with the versions that are spoken here, so that a client of both
 * eras goes on with `initialize`), and what is no JSON-RPC. By the same reading as SDK v2, or the two would not agree on which
 * request a guard in front has looked at.
 */
export function refusalOf(request: Request, body: unknown): Refusal | undefined {
  const header = (name: string) => request.headers.get(name) ?? undefined
  const version = header('mcp-protocol-version')
  const method = header('mcp-method')
  const route = classifyInboundRequest({
    httpMethod: request.method,
    body,
    ...(version !== undefined && { protocolVersionHeader: version }),
    ...(method !== undefined && { mcpMethodHeader: method }),
  })
  if (route.kind === 'legacy') return undefined
  const requested = [claimOf(body), version?.trim()].find(isModern)
  if (requested === undefined && route.kind === 'reject') {
    const { httpStatus: status, code, message, data } = route
    return { status, code, message, data }
  }
  const { code, message, data } = new UnsupportedProtocolVersionError({
    supported: [...SUPPORTED_PROTOCOL_VERSIONS],
    requested: (requested ?? 'unknown').slice(0, MAX_VERSION_CHARS),
  })
  return { status: 400, code, message, data }
}

/** The version that the request's envelope names. */
function claimOf(body: unknown): string | undefined {
  const { params } = (body ?? {}) as { params?: { _meta?: Record<string, unknown> } }
  const claim = params?._meta?.[PROTOCOL_VERSION_META_KEY]
  return typeof claim === 'string' ? claim : undefined
}

function isModern(version: string | undefined): boolean {
  return version !== undefined && version >= FIRST_MODERN_VERSION
}
