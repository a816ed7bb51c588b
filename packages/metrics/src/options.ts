/** Throws at creation, so that a wrong option stops the start and not the first scrape. */
export function requireOption(holds: boolean, option: string, requirement: string): void {
  if (holds) return
  const error = new TypeError(`@mcp-prod/metrics: ${option} must be ${requirement}`)
  throw Object.assign(error, { code: 'ERR_METRICS_OPTION' })
}

export function isTextList(value: unknown): boolean {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && text !== '')
}

export function isAscending(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.length > 0 &&
    value.every((bucket, i) => Number.isFinite(bucket) && bucket > (i === 0 ? 0 : value[i - 1]))
  )
}
