/** Throws at creation, so that a wrong option stops the start and not the first request. */
export function positiveInteger(option: string, value: unknown, unit: string): void {
  if (Number.isSafeInteger(value) && (value as number) > 0) return
  throw wrongOption(`${option} must be a positive whole number of ${unit}, got ${String(value)}`)
}

/**
 * A customer of an IPv6 network holds a /64 at the least and often a /56 or /48, so a longer prefix would hand
 * one client many keys, and a shorter one than /32 would put whole providers under one.
 */
export function ipv6PrefixLength(option: string, value: unknown): void {
  if (Number.isInteger(value) && (value as number) >= 32 && (value as number) <= 64) return
  throw wrongOption(`${option} must be a whole number of bits from 32 to 64, got ${String(value)}`)
}

export function optionalFunction(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw wrongOption(`${option} must be a function or be left out, got ${typeof value}`)
}

function wrongOption(message: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/ratelimit: ${message}`), {
    code: 'ERR_RATELIMIT_OPTION',
  })
}
