/** What is wrong with the command line; its message is all that the user needs. */
export class UsageError extends Error {}

function wrong(option: string, value: string, remedy: string): never {
  throw new UsageError(`${option} is ${JSON.stringify(value)}; give ${remedy}`)
}

export function number(
  option: string,
  text: string,
  min: number,
  max: number,
  kind: 'whole' | 'any' = 'any',
): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= min && value <= max && (kind === 'any' || Number.isInteger(value))) return value
  return wrong(option, text, `a ${kind === 'whole' ? 'whole ' : ''}number from ${min} to ${max}`)
}

/** A share of one, from percents. */
export function percent(option: string, text: string): number {
  const [, digits] = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text) ?? []
  const value = Number(digits)
  if (value >= 0 && value <= 100) return value / 100
  return wrong(option, text, 'percents from 0 to 100, such as 1 or 0.5')
}

export function milliseconds(option: string, text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)(ms|s)$/.exec(text) ?? []
  const value = Number(digits) * (unit === 's' ? 1_000 : 1)
  if (value >= 1 && value <= 600_000) return value
  return wrong(option, text, 'a time from 1ms to 600s, such as 500ms or 2s')
}

export function objectOf(option: string, text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong(option, text, `a JSON object, such as '{"text":"abc"}', in single quotes`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  return wrong(option, text, 'a JSON object: the arguments by their names')
}

/** An http or https URL without a credential in it, which would get into files. */
export function urlOf(option: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return wrong(option, text, 'an http or https URL, such as http://127.0.0.1:8080/mcp')
  }
  if (url.username === '' && url.password === '') return url
  throw new UsageError(
    `${option} of ${url.host} has a user or password in it; set TOKEN in the environment instead`,
  )
}
