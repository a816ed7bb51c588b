/** Throws at creation, so that a wrong option stops the start and not the first request. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (!holds) throw wrongOption(`${option} must be ${requirement}, got ${describe(value)}`)
}

export function requireInteger(
  option: string,
  value: unknown,
  [minimum, maximum]: readonly [number, number],
  unit: string,
): void {
  const number = Number.isSafeInteger(value) ? (value as number) : Number.NaN
  const requirement = `a whole number of ${unit} from ${minimum} to ${maximum}`
  requireOption(number >= minimum && number <= maximum, option, requirement, value)
}

export function optionalFunction(option: string, value: unknown): void {
  const holds = value === undefined || typeof value === 'function'
  requireOption(holds, option, 'a function or be left out', value)
}

export function wrongOption(problem: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/redis: ${problem}`), { code: 'ERR_REDIS_OPTION' })
}

/** A text may be a password, so its kind is told and not itself. */
function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : typeof value
}
