/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Throws at creation, so that a wrong option stops the start and not the first call. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (holds) return
  const error = new TypeError(
    `@mcp-prod/resilience: ${option} must be ${requirement}, got ${describe(value)}`,
  )
  throw Object.assign(error, { code: 'ERR_RESILIENCE_OPTION' })
}

export function requireMilliseconds(option: string, value: unknown, minimum = 1): void {
  const holds = Number.isSafeInteger(value) && (value as number) >= minimum
  requireOption(
    holds && (value as number) <= LONGEST_MS,
    option,
    `a whole number of milliseconds from ${minimum} to ${LONGEST_MS}`,
    value,
  )
}

export function requireCount(option: string, value: unknown, minimum: number): void {
  const holds = Number.isSafeInteger(value) && (value as number) >= minimum
  requireOption(holds, option, `a whole number, at least ${minimum}`, value)
}

export function requireNumber(
  option: string,
  value: unknown,
  minimum: number,
  maximum: number,
): void {
  const holds = typeof value === 'number' && value >= minimum && value <= maximum
  requireOption(holds, option, `a number from ${minimum} to ${maximum}`, value)
}

export function requireBoolean(option: string, value: unknown): void {
  requireOption(typeof value === 'boolean', option, 'true or false', value)
}

export function requireFunction(option: string, value: unknown): void {
  requireOption(typeof value === 'function', option, 'a function', value)
}

export function requireText(option: string, value: unknown): void {
  requireOption(typeof value === 'string' && value !== '', option, 'a text', value)
}

export function requireHeaderName(option: string, value: unknown): void {
  requireOption(typeof value === 'string' && TOKEN.test(value), option, 'a header name', value)
}

/** A group of options such as `retry`; `alternative` says what else would do, such as `false`. */
export function requireGroup(option: string, value: unknown, alternative = ''): void {
  const holds = typeof value === 'object' && value !== null && !Array.isArray(value)
  requireOption(holds, option, `an object${alternative}`, value)
}

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
