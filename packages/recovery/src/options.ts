/** @throws TypeError with `code`, naming the package, the option, what it must be and what it is. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (holds) return
  const error = new TypeError(
    `@mcp-prod/recovery: ${option} must be ${requirement}, got ${shown(value)}`,
  )
  throw Object.assign(error, { code: 'ERR_RECOVERY_OPTION' })
}

/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1

export function requireMilliseconds(option: string, value: unknown, minimum: number): void {
  const holds = typeof value === 'number' && value >= minimum && value <= LONGEST_MS
  requireOption(holds, option, `milliseconds from ${minimum} to ${LONGEST_MS}`, value)
}

export function requireFunction(option: string, value: unknown): void {
  requireOption(typeof value === 'function', option, 'a function', value)
}

export function hasMethods(value: unknown, ...names: string[]): boolean {
  const object = value as Record<string, unknown> | null | undefined
  return names.every((name) => typeof object?.[name] === 'function')
}

/** Only what is short and plain: an object may hold secrets. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  return typeof value === 'object' && value !== null ? 'an object' : String(value).slice(0, 100)
}
