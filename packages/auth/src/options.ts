/** RFC 6749 §3.3: visible ASCII without `"` and `\`, so that a space can separate scopes. */
const SCOPE_TOKEN = /^[\x21\x23-\x5b\x5d-\x7e]+$/
const HEADER_TEXT = /^[\x20-\x7e]+$/

export function isScopeToken(value: unknown): value is string {
  return typeof value === 'string' && SCOPE_TOKEN.test(value)
}

/** Throws at creation, so that a wrong option stops the start and not the first request. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (holds) return
  const error = new TypeError(
    `@mcp-prod/auth: ${option} must be ${requirement}, got ${describe(value)}`,
  )
  throw Object.assign(error, { code: 'ERR_AUTH_OPTION' })
}

/** What a timer of Node can count; it fires at once when given more. */
const LONGEST_MS = 2 ** 31 - 1
const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/i

export function requireMilliseconds(option: string, value: unknown, minimum = 1): void {
  const holds = Number.isSafeInteger(value) && (value as number) >= minimum
  requireOption(
    holds && (value as number) <= LONGEST_MS,
    option,
    `a whole number of milliseconds from ${minimum} to ${LONGEST_MS}`,
    value,
  )
}

export function requireCount(option: string, value: unknown, minimum: number): void {
  const holds = Number.isSafeInteger(value) && (value as number) >= minimum
  requireOption(holds, option, `a whole number, at least ${minimum}`, value)
}

export function requireFunction(option: string, value: unknown): void {
  requireOption(typeof value === 'function', option, 'a function', value)
}

export function requireScopes(option: string, value: unknown): void {
  const holds = Array.isArray(value) && value.every(isScopeToken)
  requireOption(holds, option, 'an array of scopes', value)
}

export function requireText(option: string, value: unknown): void {
  requireOption(typeof value === 'string' && value !== '', option, 'a text', value)
}

export function requireHosts(option: string, value: readonly string[]): void {
  const holds = Array.isArray(value) && value.every((host) => HOST.test(host))
  requireOption(holds, option, 'an array of hosts such as idp.internal or idp.internal:8443', value)
}

/** An http or https URL without credentials, query and fragment: one that can be compared and shown. */
export function requireUrl(option: string, value: unknown): URL {
  const url = isHttpUrl(value) ? new URL(value as string) : undefined
  const isPlain = url && !url.username && !url.password && !url.search && !url.hash
  requireOption(
    Boolean(isPlain) && !/[?#]/.test(value as string),
    option,
    'an absolute http or https URL without credentials, query and fragment',
    // Credentials are in none that is shown.
    typeof value === 'string' ? value.replace(/\/\/[^/]*@/, '//[hidden]@') : value,
  )
  return url as URL
}

/** What a challenge names besides its error; the same for `authenticate` and `authorize`. */
export function checkChallengeOptions(realm: unknown, resourceMetadataUrl: unknown): void {
  requireOption(isHeaderText(realm), 'realm', 'a text of printable ASCII characters', realm)
  requireOption(
    resourceMetadataUrl === undefined || isHttpUrl(resourceMetadataUrl),
    'resourceMetadataUrl',
    'an absolute http or https URL in ASCII',
    resourceMetadataUrl,
  )
}

function isHeaderText(value: unknown): value is string {
  return typeof value === 'string' && HEADER_TEXT.test(value)
}

function isHttpUrl(value: unknown): boolean {
  return isHeaderText(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
