/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1

/** Throws at creation, so that a wrong option stops the start and not the first request. */
export function refuse(problem: string, cause?: unknown): never {
  const error = new TypeError(`@mcp-prod/security: ${problem}`, cause ? { cause } : {})
  throw Object.assign(error, { code: 'ERR_SECURITY_OPTION' })
}

export function wholeNumber(option: string, value: unknown, unit: string, minimum = 1): void {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return
  refuse(`${option} must be a whole number of ${unit}, at least ${minimum}, got ${shown(value)}`)
}

export function milliseconds(option: string, value: unknown): void {
  wholeNumber(option, value, 'milliseconds')
  if ((value as number) > LONGEST_MS) refuse(`${option} must be at most ${LONGEST_MS} milliseconds`)
}

export function listOfTexts(option: string, value: unknown): void {
  if (Array.isArray(value) && value.every((entry) => typeof entry === 'string')) return
  refuse(`${option} must be an array of texts, got ${shown(value)}`)
}

/** A faulty value for an error message. */
export function shown(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}
