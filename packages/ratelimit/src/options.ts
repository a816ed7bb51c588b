/** The most entries that a table is let to hold: V8's own maps end at 2^24. */
const MOST_KEYS = 10_000_000

/** Throws at creation, so that a wrong option stops the start and not the first request. */
export function wholeNumber(
  option: string,
  value: unknown,
  unit: string,
  least = 1,
  most = Number.MAX_SAFE_INTEGER,
): void {
  if (isWhole(value, least) && value <= most) return
  const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`
  throw wrongOption(`${option} must be a whole number of ${unit}, ${range}, got ${String(value)}`)
}

export function keyCount(option: string, value: unknown, unit: string): void {
  wholeNumber(option, value, unit, 1, MOST_KEYS)
}

export function optionalFunction(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  throw wrongOption(`${option} must be a function or be left out, got ${typeof value}`)
}

export function metersOrNone(option: string, value: unknown): void {
  if (value === undefined || typeof (value as { charge?: unknown } | null)?.charge === 'function')
    return
  throw wrongOption(`${option} must have a method charge or be left out, got ${typeof value}`)
}

/** A limiter made anew for each request would count nothing. */
export function refuseInRequest(): void {
  if (new Error().stack?.includes('Layer.handleRequest')) throw createdInRequest()
}

export function createdInRequest(): TypeError {
  return wrongOption('create limiters at start-up, not while a request is handled')
}

export function wrongOption(message: string): TypeError {
  return fault('ERR_RATELIMIT_OPTION', message)
}

export function fault(code: string, message: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/ratelimit: ${message}`), { code })
}

export function isWhole(value: unknown, least: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least
}

/** An object of named things; what iterates has none. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Map)
  )
}
