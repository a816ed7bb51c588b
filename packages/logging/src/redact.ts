import { capped, jsonText } from './text.js'

const REDACTED = '[redacted]'

/** Names of secrets, on keys reduced to lower-case letters and digits: `X-Api-Key`, `x_api_key` and `xApiKey` are one. */
const SECRET_KEY =
  /passw(?:or)?d|passphrase|(?:authorization|cookies?|pwd|secrets?|tokens?|jwt|apikeys?|(?:private|secret|access|signing)keys?|credentials?|codeverifier)\d*$/
const SECRET_WORDS =
  'passw(?:or)?d|passphrase|pwd|secrets?|tokens?|api[-_ ]?keys?|(?:private|secret|access|signing)[-_ ]?key|credentials?|code[-_]?verifier'

const SEPARATOR = String.raw`\\{0,16}(?:["'\x60]|%22|&quot;)?\s{0,8}(?:=>|[:=]|%3[ad])\s{0,8}`
// The content of a quoted value ends where the same quote comes again, which stays in the text.
const QUOTED = String.raw`(\\{0,16}["'\x60])(?:[^"'\x60\\]+|(?!\2)(?:\\[^]|["'\x60\\]))*`

/** Most texts are ids, names and paths: without another character only the last two patterns can match. */
const UNUSUAL = /[^\w./-]|eyJ|mcp_/

// Every pattern starts at a literal and either consumes what it scans or scans a bounded distance, so that no
// text, however long or hostile, costs more than linear time.
const URL_USERINFO = /:\/\/[^\s/?#]*@/g
// `user:pa/s@s@host`: not a URL, but what an unescaped password makes of one, which ends at the last @. A port is not a password.
const BROKEN_USERINFO = /:\/\/[^\s:/?#@]{0,64}:(?!\d{1,5}(?:[/?#\s]|$))[^\s"'\x60<>]{1,128}@/g
const PEM = /(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)[\s\S]*?(?=-----END|$)/g
const BEARER =
  /\b(bearer(?:\s|%20|\+){1,8})(?!(?:tokens?|auth(?:entication|orization)?|scheme|challenge|realm|scope|error|resource_metadata)(?:="|(?![\w.~+/=-])))[\w.~+/=-]+/gi
// Lower-case words after "basic" are prose, base64 is not.
const BASIC = /\b((?:[Bb]asic|BASIC)(?:\s|%20|\+){1,8})(?=[a-z+/]*[A-Z0-9=])[\w+/=-]+/g
const API_KEY = /(mcp(?:_|%5f)[A-Za-z0-9-]{1,64}(?:_|%5f))[\w%-]+/gi
// A JWS or JWE has two dots or more; text that was cut may have lost all but the first.
const JWT = /eyJ[\w-]*(?:\.[\w-]*){0,4}/g

/** Names a program logs are few; those a caller invents must not fill the memory. */
const MAX_KNOWN_KEYS = 1000
const MAX_KEY_CHARS = 128

interface Key {
  /** `,"key":` as JSON text, the key capped and without secrets of its own. */
  start: string
  /** Whether its value must not be logged. */
  secret: boolean
}

export interface Redactor {
  key(name: string): Key
  /** The path of a key below `path`; empty while no path is configured, since nobody will look at it. */
  pathTo(path: string, name: string): string
  /** Whether the value at a path made by `pathTo` must not be logged. */
  isSecretPath(path: string): boolean
  /** The text without what has the shape of a secret. */
  text(text: string): string
}

/**
 * Knows secrets by the name of their key and by their shape inside a text.
 *
 * @param extra further key names, or dotted paths (`user.email`) that match at the end of a value's path.
 */
export function createRedactor(extra: readonly string[]): Redactor {
  const names = extra.filter((name) => !name.includes('.'))
  const paths = extra
    .filter((name) => name.includes('.'))
    .map((path) => path.split('.').map(below).join(''))
  const plainNames = new Set(names.map(plain))
  const text = textRedactor(names)
  const known = new Map<string, Key>()

  return {
    key(name) {
      const found = known.get(name)
      if (found) return found
      const end = plain(name.slice(-MAX_KEY_CHARS))
      const key = {
        start: `,${jsonText(capped(name, MAX_KEY_CHARS, text))}:`,
        secret: SECRET_KEY.test(end) || plainNames.has(end),
      }
      if (known.size < MAX_KNOWN_KEYS && name.length <= MAX_KEY_CHARS) known.set(name, key)
      return key
    },
    pathTo: (path, name) => (paths.length > 0 ? path + below(name) : ''),
    isSecretPath: (path) => path !== '' && paths.some((end) => path.endsWith(end)),
    text,
  }
}

function textRedactor(names: readonly string[]): (text: string) => string {
  const own = names.map((name) => `|(?<![\\w-])${name.replace(/[^\w]/g, '\\$&')}`).join('')
  const headers = new RegExp(
    `((?:authorization|cookies?)${SEPARATOR})(?:${QUOTED}|[^\\r\\n]*)`,
    'gi',
  )
  const pairs = new RegExp(
    `((?:${SECRET_WORDS}${own})${SEPARATOR})(?!\\[redacted\\])(?:${QUOTED}|[[{][^]*|(?:&quot;)?[^\\s&;"\`<>]+)`,
    'gi',
  )
  return function redactText(text) {
    if (isUsual(text)) return text
    return text
      .replace(PEM, `$1${REDACTED}`)
      .replace(BROKEN_USERINFO, `://${REDACTED}@`)
      .replace(URL_USERINFO, `://${REDACTED}@`)
      .replace(headers, `$1$2${REDACTED}`)
      .replace(pairs, `$1$2${REDACTED}`)
      .replace(BEARER, `$1${REDACTED}`)
      .replace(BASIC, `$1${REDACTED}`)
      .replace(API_KEY, `$1${REDACTED}`)
      .replace(JWT, (found) => (found.includes('.') ? REDACTED : found))
  }
}

/** Whether a text has no secret's shape, and is its own JSON text between quotes. */
export function isUsual(text: string): boolean {
  return !UNUSUAL.test(text)
}

/** Two spellings of one name become the same text. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
}

function below(name: string): string {
  return `.${plain(name.slice(-MAX_KEY_CHARS))}`
}
