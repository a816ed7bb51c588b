/** @throws TypeError with `code`, naming the package, the option and what it must be. */
export function requireOption(holds: boolean, option: string, requirement: string): void {
  if (holds) return
  const error = new TypeError(`@mcp-prod/recovery: ${option} must be ${requirement}`)
  throw Object.assign(error, { code: 'ERR_RECOVERY_OPTION' })
}

export function hasMethods(value: unknown, ...names: string[]): boolean {
  const object = value as Record<string, unknown> | null | undefined
  return names.every((name) => typeof object?.[name] === 'function')
}
