import type { Request } from 'express'
import type { RpcId } from './error.js'

/** `modern` is 2026-07-28 and later (an envelope in each request), `legacy` everything before. */
export type Era = 'modern' | 'legacy'

/** One entry of an MCP body. Everything in it was chosen by the caller: check before use as key or label. */
export interface Call {
  kind: 'request' | 'notification' | 'response' | 'invalid'
  /** JSON-RPC id as sent; `null` where it is missing or neither a string nor a finite number. */
  id: RpcId
  /** JSON-RPC method, or `''` for a response or an invalid entry. */
  method: string
  /** The tool, prompt or resource asked for: `params.name`, or `params.uri` of the resource methods. */
  name: string | undefined
  params: Record<string, unknown> | undefined
}

const FIRST_MODERN_VERSION = '2026-07-28'
const VERSION_KEY = 'io.modelcontextprotocol/protocolVersion'
/**
 * Where a request keeps what was read, and of which body: calls that were checked must be those of the body that is later
 * run. No WeakMap, since an entry for each request keeps the garbage collector busy.
 */
const READ = Symbol('calls')

interface Reading {
  body: object
  calls: readonly Call[]
}

/**
 * What a request asks for, entry by entry: a legacy batch has many. Taken from the parsed body alone,
 * because `Mcp-Method` and `Mcp-Name` headers can lie in the legacy era. Empty while no body was read.
 */
export function callsOf(req: Request): readonly Call[] {
  const body: unknown = req.body
  if (body === undefined || body === null) return []
  if (typeof body !== 'object') return [readCall(body)]
  const keeper = req as { [READ]?: Reading }
  if (keeper[READ]?.body === body) return keeper[READ].calls
  const calls = Array.isArray(body) ? body.map(readCall) : [readCall(body)]
  keeper[READ] = { body, calls }
  return calls
}

/** The id to answer with: that of a single request; `null` for batches, notifications, responses and unread bodies. */
export function rpcIdOf(req: Request): RpcId {
  if (Array.isArray(req.body)) return null
  const call = callsOf(req)[0]
  // A posted response carries an id of ours; sent back, it would pass for the answer to one of the client's.
  return call?.kind === 'request' ? call.id : null
}

/** Whether two requests of a batch share an id: the answer to one would pass for that to the other. 1 and "1" are two ids. */
export function repeatsId(req: Request): boolean {
  if (!Array.isArray(req.body)) return false
  const ids = callsOf(req).flatMap(({ kind, id }) => (kind === 'request' && id !== null ? id : []))
  return new Set(ids).size < ids.length
}

/**
 * The era whose rules the request claims. Versions are dates, so they compare as text. The claim of the body
 * is enough; a header that disagrees with it is refused by the SDK.
 */
export function eraOf(req: Request): Era {
  if (Array.isArray(req.body)) return 'legacy'
  const meta = callsOf(req)[0]?.params?._meta
  const claim =
    (isObject(meta) ? meta[VERSION_KEY] : undefined) ?? req.headers['mcp-protocol-version']
  return typeof claim === 'string' && claim >= FIRST_MODERN_VERSION ? 'modern' : 'legacy'
}

function readCall(entry: unknown): Call {
  if (!isObject(entry))
    return { kind: 'invalid', id: null, method: '', name: undefined, params: undefined }
  const { method, id, params } = entry
  const known = typeof id === 'string' || Number.isFinite(id) ? (id as RpcId) : null
  const fields = isObject(params) ? params : undefined
  if (typeof method !== 'string') {
    const kind = 'result' in entry || 'error' in entry ? 'response' : 'invalid'
    return { kind, id: known, method: '', name: undefined, params: fields }
  }
  const name = method.startsWith('resources/') ? fields?.uri : fields?.name
  return {
    kind: id === undefined ? 'notification' : 'request',
    id: known,
    method,
    name: typeof name === 'string' ? name : undefined,
    params: fields,
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
