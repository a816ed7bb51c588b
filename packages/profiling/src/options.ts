/** Throws at creation, so that a wrong option stops the start and not the first request. Never tells a secret. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  got: string,
): void {
  if (holds) return
  const error = new TypeError(`@mcp-prod/profiling: ${option} must be ${requirement}, got ${got}`)
  throw Object.assign(error, { code: 'ERR_PROFILING_OPTION' })
}

export function requireWhole(option: string, value: unknown, unit: string, maximum: number): void {
  const holds = Number.isSafeInteger(value) && Number(value) >= 1 && Number(value) <= maximum
  requireOption(holds, option, `a whole number of ${unit} from 1 to ${maximum}`, String(value))
}
