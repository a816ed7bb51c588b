import { isIP } from 'node:net'
import { type AddressRules, addressProblem } from './address.js'
import { HttpError } from './http-error.js'

export interface TargetRules {
  /** Nothing outside of it may be asked for. */
  baseUrl: URL | undefined
  privateHosts: readonly string[]
  dangerouslyAllowHttp: boolean
}

export interface Target {
  url: URL
  /** For whatever address its name turns out to have. */
  rules: AddressRules
}

/** What URL parsers drop, or take for a slash. */
const AMBIGUOUS = /[\0-\x20\x7f\\]/
const DOT_SEGMENT = /^[^?#]*\/(?:\.|%2e){1,2}(?:[/?#]|$)/i
const OWN_SCHEME = /^[a-z][a-z0-9+.-]*:/i

/** Decides where requests may go. The returned function throws HttpError for all else, before anything is sent. */
export function targets(
  name: string,
  { baseUrl, privateHosts, dangerouslyAllowHttp }: TargetRules,
): (url: string | URL) => Target {
  const trusted = new Set(privateHosts.map((host) => host.toLowerCase()))

  function rulesOf(url: URL): AddressRules {
    // Its host was chosen by the operator, as were those of privateHosts.
    if (baseUrl) return { mayBePrivate: true, mustBeLoopback: false }
    return {
      mayBePrivate: trusted.has(url.hostname) || trusted.has(`${url.hostname}:${portOf(url)}`),
      mustBeLoopback: url.protocol === 'http:' && !dangerouslyAllowHttp,
    }
  }

  return function targetOf(given) {
    const url = parse(name, given, baseUrl)
    const refuse = (problem: string) => {
      throw new HttpError(`${name}: ${url.origin}${url.pathname}`, `refused, ${problem}`)
    }
    if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse('it is no https URL')
    if (url.username !== '' || url.password !== '') refuse('it holds credentials')
    if (baseUrl && !isWithin(url, baseUrl)) refuse(`it leaves ${baseUrl.origin}${baseUrl.pathname}`)
    const rules = rulesOf(url)
    const literal = url.hostname.replace(/^\[|\]$/g, '')
    // A host that is an address already is never looked up.
    const problem = isIP(literal) ? addressProblem(literal, rules) : undefined
    if (problem) refuse(problem)
    return { url, rules }
  }
}

/** Without showing it: what cannot be taken apart may have a secret anywhere. */
function parse(name: string, given: string | URL, base: URL | undefined): URL {
  const refuse = (problem: string) => {
    throw new HttpError(name, `a URL was refused, it ${problem}`)
  }
  const text = String(given)
  if (AMBIGUOUS.test(text)) refuse('has a space, a control character or a backslash')
  if (DOT_SEGMENT.test(`/${text}`)) refuse('has a dot segment')
  // `http:path` would be taken for a relative one by some, and for a host by others.
  if (OWN_SCHEME.test(text) && !/^https?:\/\/[^/]/i.test(text)) refuse('is no https URL')
  if (!URL.canParse(text, base?.href)) refuse(base ? 'cannot be parsed' : 'is not absolute')
  return new URL(text, base)
}

/** `origin` alone would do for leaving the server; the path keeps what is built from input where it belongs. */
function isWithin(url: URL, base: URL): boolean {
  return url.origin === base.origin && url.pathname.startsWith(base.pathname)
}

function portOf({ protocol, port }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80')
}
