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
