import { types } from 'node:util'

/** Carried by errors of the SDK's second line, the same in every copy of it. */
const BRANDS = Symbol.for('mcp.sdk.errorBrands')
const INTERNAL_ERROR = -32603

/**
 * Whether an author meant an error for the caller: one of the SDK's own class (`McpError`, `ProtocolError`). That it has a
 * `code` says nothing: those of databases, of Node and of other protocols have one too. An "internal error" is not the
 * caller's: its text is mostly that of another error.
 */
export function isForCaller(error: unknown): boolean {
  try {
    // Neither is a proxy an error, nor does a getter count, which may answer otherwise when the SDK asks.
    if (!types.isNativeError(error)) return false
    const [code, message] = [ownValue(error, 'code'), ownValue(error, 'message')]
    if (!Number.isSafeInteger(code) || code === INTERNAL_ERROR || typeof message !== 'string')
      return false
    const brands = ownValue(error, BRANDS)
    if (brands instanceof Set) return brands.has('mcp.ProtocolError')
    return message.startsWith(`MCP error ${code}: `) && isMcpError(error)
  } catch {
    return false
  }
}

/** A bundler may have renamed the class, and a subclass the error. */
function isMcpError(error: Error): boolean {
  if (error.name === 'McpError') return true
  for (let at = Object.getPrototypeOf(error); at; at = Object.getPrototypeOf(at))
    if (at.constructor?.name === 'McpError') return true
  return false
}

function ownValue(object: object, key: string | symbol): unknown {
  return Object.getOwnPropertyDescriptor(object, key)?.value
}
