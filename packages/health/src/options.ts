/** Throws at creation, so that a wrong option stops the start and not the first probe. */
export function atLeast(minimum: number, option: string, value: unknown): void {
  if (typeof value === 'number' && value >= minimum && Number.isFinite(value)) return
  refuse(`${option} must be a number of milliseconds, at least ${minimum}, got ${String(value)}`)
}

export function requireFunction(option: string, value: unknown): void {
  if (typeof value !== 'function') refuse(`${option} must be a function, got ${String(value)}`)
}

function refuse(problem: string): never {
  const error = new TypeError(`@mcp-prod/health: ${problem}`)
  throw Object.assign(error, { code: 'ERR_HEALTH_OPTION' })
}
