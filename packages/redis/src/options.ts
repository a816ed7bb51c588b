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

/** A prefix without braces, which would choose the slot in a Cluster. */
export function requirePrefix(option: string, value: unknown): void {
  const holds = typeof value === 'string' && /^[\w:./-]{0,64}$/.test(value)
  requireOption(holds, option, 'up to 64 of A-Z a-z 0-9 _ : . / -', value)
}

/** `methods` are those that are used of it. */
export function requireRedis(redis: unknown, methods: readonly string[]): void {
  const has = (redis ?? {}) as Record<string, unknown>
  const holds = methods.every((method) => typeof has[method] === 'function')
  requireOption(holds, 'redis', 'what connectRedis gives', redis)
}

export function wrongOption(problem: string): TypeError {
  return Object.assign(new TypeError(`@mcp-prod/redis: ${problem}`), { code: 'ERR_REDIS_OPTION' })
}

/** A text may be a password, so its kind is told and not itself. */
function describe(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : typeof value
}
