import { optionError } from './errors.js'

/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1

/** @throws TypeError `ERR_TOOLS_OPTION` for a text such as `'false'`, which would count as true. */
export function flag(option: string, value: unknown): void {
  if (typeof value !== 'boolean') optionError(`${option} must be true or false, got ${show(value)}`)
}

/** @throws TypeError `ERR_TOOLS_OPTION` */
export function wholeNumber(option: string, value: unknown, unit: string, minimum = 0): void {
  if (Number.isSafeInteger(value) && (value as number) >= minimum) return
  optionError(`${option} must be a whole number of ${unit}, ${minimum} or more, got ${show(value)}`)
}

/** @throws TypeError `ERR_TOOLS_OPTION` */
export function functionOrNone(option: string, value: unknown): void {
  if (value === undefined || typeof value === 'function') return
  optionError(`${option} must be a function, got ${show(value)}`)
}

/** @throws TypeError `ERR_TOOLS_OPTION` */
export function milliseconds(option: string, value: unknown, minimum: number): void {
  if (typeof value === 'number' && value >= minimum && value <= LONGEST_MS) return
  optionError(
    `${option} must be a number of milliseconds from ${minimum} to ${LONGEST_MS}, got ${show(value)}; write an hour as 3_600_000`,
  )
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : String(value)
}
