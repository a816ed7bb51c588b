/** What a URI says of its template's variables, decoded once. */
export type Variables = Readonly<Record<string, string>>

export interface CompiledTemplate {
  readonly names: readonly string[]
  /** The variables of a URI; undefined for one that is not of the template. */
  match(uri: string): Variables | undefined
}

type Part =
  | { literal: string }
  | { operator: '' | '+' | '/' | '.'; name: string }
  | { operator: '?'; names: string[] }

const EXPRESSION = /\{([+/.?]?)([A-Za-z0-9_]+(?:,[A-Za-z0-9_]+)*)\}/g

/**
 * Compiles a URI template of RFC 6570. The SDK's own matching leaves values encoded and backtracks without bound; this takes
 * only templates that match in one way: `{var}`, `{.var}`, `{/var}`, one `{+var}`, and `{?a,b}` at the end.
 *
 * @throws Error that says what is wrong with the template.
 */
export function compileTemplate(template: string): CompiledTemplate {
  const parts = partsOf(template)
  check(parts)
  const query = parts.flatMap((part) => ('names' in part ? part.names : []))
  const path = parts.flatMap((part) => ('name' in part ? [part.name] : []))
  const names = [...path, ...query]
  if (new Set(names).size < names.length) throw new Error('it names a variable twice')
  const pattern = new RegExp(`^${parts.map(patternOf).join('')}$`, 'u')

  function match(uri: string): Variables | undefined {
    const found = pattern.exec(uri)
    if (!found) return undefined
    const values = found.slice(1)
    const pairs = query.length > 0 ? pairsOf(values.pop(), query) : []
    if (!pairs) return undefined
    try {
      const entries = [...path.map((name, index) => [name, values[index] ?? '']), ...pairs]
      // Own properties whatever their names: no template variable is looked up on a prototype.
      const variables: Record<string, string> = Object.create(null)
      for (const [name = '', value = ''] of entries) variables[name] = decodeURIComponent(value)
      return variables
    } catch {
      // Not UTF-8, cut off after a percent sign, or half a surrogate pair.
      return undefined
    }
  }
  return { names, match }
}

function partsOf(template: string): Part[] {
  const parts: Part[] = []
  let end = 0
  for (const found of template.matchAll(EXPRESSION)) {
    if (found.index > end) parts.push({ literal: template.slice(end, found.index) })
    const [whole, operator = '', list = ''] = found
    const names = list.split(',')
    if (operator === '?') parts.push({ operator, names })
    else if (names.length > 1) throw new Error(`${whole} has several variables: write one each`)
    else parts.push({ operator: operator as '', name: list })
    end = found.index + whole.length
  }
  if (end < template.length) parts.push({ literal: template.slice(end) })
  return parts
}

function check(parts: readonly Part[]): void {
  const [first] = parts
  if (!first || !('literal' in first) || !/^[a-z][a-z0-9+.-]*:/i.test(first.literal))
    throw new Error('it must begin with a scheme, such as docs://')
  for (const [index, part] of parts.entries()) {
    const next = parts[index + 1]
    if ('literal' in part) {
      if (/[{}\s]/.test(part.literal))
        throw new Error(`${part.literal} is no expression known here`)
    } else if ('names' in part) {
      if (next) throw new Error('{?…} must be the last of it')
    } else if (next && 'operator' in next && (next.operator === '' || next.operator === '+')) {
      throw new Error(`nothing tells where {${part.name}} ends`)
    }
  }
  if (parts.length === 1) throw new Error('it has no variable: a fixed URI is for defineResource')
  if (parts.filter((part) => 'name' in part && part.operator === '+').length > 1)
    throw new Error('it has more than one {+…}')
}

function patternOf(part: Part, index: number, parts: readonly Part[]): string {
  if ('literal' in part) return escaped(part.literal)
  // Without a value, nothing of it is written.
  if ('names' in part) return '(?:\\?([^#]*))?'
  if (part.operator === '+') return '([^?#]+)'
  const lead = part.operator === '' ? '' : escaped(part.operator)
  // Up to the next character that the template has itself: so there is nothing to try again.
  return `${lead}([^/?#${escaped(startOf(parts[index + 1])).replace('-', '\\-')}]+)`
}

function startOf(part: Part | undefined): string {
  if (!part) return ''
  return 'literal' in part ? ([...part.literal][0] ?? '') : part.operator
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

/** The named pairs of a query, each once at most; undefined when there is anything else. */
function pairsOf(query: string | undefined, names: readonly string[]): string[][] | undefined {
  if (query === undefined) return []
  const pairs = query.split('&').map((pair) => {
    const at = pair.indexOf('=')
    return at < 0 ? [pair] : [pair.slice(0, at), pair.slice(at + 1)]
  })
  const known = pairs.every(([name = '', value]) => value !== undefined && names.includes(name))
  return known && new Set(pairs.map(([name]) => name)).size === pairs.length ? pairs : undefined
}
