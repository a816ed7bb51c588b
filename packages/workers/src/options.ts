/** What a timer of Node can count. */
const LONGEST_MS = 2 ** 31 - 1

/** Throws at creation, so that a wrong option stops the start and not the first worker. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (holds) return
  const error = new TypeError(
    `@mcp-prod/workers: ${option} must be ${requirement}, got ${String(value)}`,
  )
  throw Object.assign(error, { code: 'ERR_WORKERS_OPTION' })
}

export function requireWhole(
  option: string,
  value: unknown,
  [minimum, maximum]: readonly [number, number],
  unit: string,
): void {
  const number = Number.isSafeInteger(value) ? (value as number) : Number.NaN
  const requirement = `a whole number of ${unit} from ${minimum} to ${maximum}`
  requireOption(number >= minimum && number <= maximum, option, requirement, value)
}

export function requireMilliseconds(option: string, value: unknown, minimum = 1): void {
  const holds = typeof value === 'number' && value >= minimum && value <= LONGEST_MS
  const requirement = `a number of milliseconds from ${minimum} to ${LONGEST_MS}`
  requireOption(holds, option, requirement, value)
}

export function optionalFunction(option: string, value: unknown): void {
  const holds = value === undefined || typeof value === 'function'
  requireOption(holds, option, 'a function or be left out', value)
}

export function requireTopic(topic: unknown, handler: unknown): void {
  const isName = typeof topic === 'string' && topic !== '' && topic.length <= 100
  requireOption(isName, 'topic', 'a text of 1 to 100 characters', topic)
  requireOption(typeof handler === 'function', `the handler of "${topic}"`, 'a function', handler)
}
