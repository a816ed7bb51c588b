/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1

/** @throws TypeError `ERR_SESSIONS_OPTION` for a text such as `'false'`, which would count as true. */
export function flag(option: string, value: unknown): void {
  if (typeof value !== 'boolean') refuse(`${option} must be true or false, got ${show(value)}`)
}

/** @throws TypeError `ERR_SESSIONS_OPTION` */
export function wholeNumber(option: string, value: unknown, unit: string, minimum = 1): void {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return
  refuse(`${option} must be a whole number of ${unit}, ${minimum} or more, got ${show(value)}`)
}

/** @throws TypeError `ERR_SESSIONS_OPTION` */
export function milliseconds(option: string, value: unknown, minimum = 1): void {
  if (typeof value === 'number' && value >= minimum && value <= LONGEST_MS) return
  refuse(
    `${option} must be a number of milliseconds from ${minimum} to ${LONGEST_MS}, got ${show(value)}; write an hour as 3_600_000`,
  )
}

/** @throws TypeError `ERR_SESSIONS_OPTION` */
export function requiredFunction(option: string, value: unknown): void {
  if (typeof value !== 'function') refuse(`${option} must be a function, got ${show(value)}`)
}

/** @throws TypeError `ERR_SESSIONS_OPTION` */
export function functionOrNone(option: string, value: unknown): void {
  if (value !== undefined) requiredFunction(option, value)
}

/** @throws TypeError `ERR_SESSIONS_OPTION` */
export function methodsOrNone(option: string, value: unknown, methods: readonly string[]): void {
  if (value === undefined) return
  for (const method of methods) {
    if (typeof (value as Record<string, unknown> | null)?.[method] === 'function') continue
    refuse(`${option} must be an object with ${methods.join(', ')}; it has no function ${method}`)
  }
}

/** @throws TypeError `ERR_SESSIONS_OPTION`, which names what is wrong and what to do. */
export function refuse(problem: string): never {
  const error = new TypeError(`@mcp-prod/sessions: ${problem}`)
  throw Object.assign(error, { code: 'ERR_SESSIONS_OPTION' })
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}
