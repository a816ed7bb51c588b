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
/** With the underscore, which DNS leaves to other uses, but container networks have in their names. */
const HOST = /^(?:[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/i

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

export function requireBoolean(option: string, value: unknown): void {
  requireOption(typeof value === 'boolean', option, 'true or false', value)
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
  const holds = Array.isArray(value) && value.every(isHost)
  requireOption(holds, option, 'an array of hosts such as idp.internal or idp.internal:8443', value)
}

/** An http or https URL without credentials, query and fragment: one that can be compared and shown. */
export function requireUrl(option: string, value: unknown): URL {
  requireOption(
    isEndpoint(value) && !value.includes('?'),
    option,
    'an absolute http or https URL without credentials, query and fragment',
    withoutSecrets(value),
  )
  return new URL(value as string)
}

/** Where something is fetched from: some authorization servers tell their key sets apart by a query. */
export function requireEndpoint(option: string, value: unknown): void {
  requireOption(
    isEndpoint(value),
    option,
    'an absolute http or https URL without credentials and fragment',
    withoutSecrets(value),
  )
}

export function isEndpoint(value: unknown): value is string {
  if (!isHttpUrl(value) || value.includes('#')) return false
  const { username, password } = new URL(value)
  return username === '' && password === ''
}

/** An option's error goes to the log, and a URL may hold credentials and keys. */
function withoutSecrets(value: unknown): unknown {
  if (typeof value !== 'string') return value
  return value.replace(/^.*@/s, '[hidden]@').replace(/[?#].*$/s, '?[hidden]')
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

function isHost(value: unknown): value is string {
  return typeof value === 'string' && HOST.test(value)
}

function isHttpUrl(value: unknown): value is string {
  return isHeaderText(value) && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
