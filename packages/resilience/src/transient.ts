/** The network failed before or while something was sent; what Node and undici call it. */
const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'UND_ERR_SOCKET',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])
/** Causes may form a ring. */
const MAX_CAUSES = 8

/**
 * Whether the same call may well succeed a little later. An error says so itself with `transient: true` or `false`;
 * else the codes of Node and undici tell, also those of its causes. A caller's abort is not transient, nor are
 * `OpenError` and `FullError`: what refuses load must not be asked again at once.
 */
export function isTransient(error: unknown): boolean {
  let current = error
  for (let depth = 0; depth < MAX_CAUSES; depth++) {
    if (typeof current !== 'object' || current === null) return false
    const { transient, code, cause } = current as Record<string, unknown>
    if (typeof transient === 'boolean') return transient
    if (typeof code === 'string' && NETWORK_CODES.has(code)) return true
    current = cause
  }
  return false
}
