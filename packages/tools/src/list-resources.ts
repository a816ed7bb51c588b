import type { Resource as ListedResource } from '@modelcontextprotocol/server'
import { attempt, type Work } from './attempt.js'
import type { ResourcePage, ResourceTemplate } from './define-resource-template.js'
import type { Definitions } from './definitions.js'
import type { ListOptions, ListRequest } from './list.js'
import { cursorOf, invalidCursor, isIndex, type Position, positionOf } from './paging.js'
import { holdsScopes, principalOf } from './principal.js'
import { refuseByError } from './read.js'
import type { CallEnvironment, Inbound } from './run.js'
import type { Principal } from './types.js'

const LIST = 'resources'

interface Source {
  entries: readonly unknown[]
  nextCursor?: string
}

/**
 * Answers `resources/list`: the fixed resources, then what each template lists, page by page. A template is asked only
 * for callers who hold its scopes, whatever `listOnlyCallable` says: what there is to read is data already.
 */
export function resourceList(
  definitions: Definitions,
  environmentOf: (label: string) => CallEnvironment,
  { filtered, pageSize }: ListOptions,
) {
  const listing = definitions.templates.filter(({ list }) => list !== undefined)

  async function sourceOf(at: number, cursor: string | undefined, inbound: Inbound) {
    const template = listing[at - 1]
    if (!template) return { entries: definitions.resources }
    const environment = environmentOf(template.label)
    const principal = principalOf(inbound.context.http?.authInfo)
    if (!environment.ignoreScopes && !holdsScopes(principal, template)) return { entries: [] }
    const work = listWork(template, cursor)
    const answer = await attempt(work, inbound, principal, environment, performance.now())
    if ('error' in answer) throw answer.error
    return answer.result as Source
  }

  /** What of a source is shown: of a template's only what can be read under its URI. */
  function shown(entries: readonly unknown[], at: number, principal: Principal | undefined) {
    const template = listing[at - 1]
    if (!template) {
      const fixed = entries as Definitions['resources']
      const callable = fixed.filter((entry) => !filtered || holdsScopes(principal, entry))
      return callable.map((entry) => entry.listing)
    }
    const { ignoreScopes, logger } = environmentOf(template.label)
    return (entries as ListedResource[]).filter((entry) => {
      const located = definitions.locate(entry?.uri)
      if (located?.definition === template && typeof entry.name === 'string')
        return ignoreScopes || holdsScopes(principal, located)
      logger.warn('a listed resource has no name, or a URI that is not of its template')
      return false
    })
  }

  return async function listResources({ params }: ListRequest, inbound: Inbound): Promise<object> {
    let [at, offset, inner] = startOf(params?.cursor, listing.length + 1)
    const principal = principalOf(inbound.context.http?.authInfo)
    const resources: object[] = []
    for (;;) {
      const { entries, nextCursor }: Source = await sourceOf(at, inner, inbound)
      const end = Math.min(offset + pageSize - resources.length, entries.length)
      resources.push(...shown(entries.slice(offset, end), at, principal))
      // A page of a template's ends ours: how many of them there are is not ours to say.
      const more = end < entries.length || nextCursor !== undefined
      ;[at, offset, inner] =
        end < entries.length
          ? [at, end, inner]
          : more
            ? [at, 0, nextCursor]
            : [at + 1, 0, undefined]
      if (at > listing.length) return { resources }
      if (!more && resources.length < pageSize) continue
      const position: Position = [at, offset, ...(inner === undefined ? [] : [inner])]
      return { resources, nextCursor: cursorOf(LIST, position) }
    }
  }
}

function startOf(
  cursor: string | undefined,
  sources: number,
): [at: number, offset: number, inner: string | undefined] {
  if (cursor === undefined) return [0, 0, undefined]
  const [at, offset, inner, more] = positionOf(LIST, cursor)
  const fits = isIndex(at, sources) && isIndex(offset, Number.MAX_SAFE_INTEGER)
  if (!fits || more !== undefined || (inner !== undefined && typeof inner !== 'string'))
    throw invalidCursor()
  return [at, offset, inner]
}

function listWork(template: ResourceTemplate, cursor: string | undefined): Work {
  const { name, scopes, list } = template
  return {
    what: `List of resource ${name}`,
    definition: template,
    scopes,
    subject: { method: 'resources/list', name, input: {} },
    validate: () => ({ input: { cursor } }),
    run: (input, context) => list?.(input as { cursor: string | undefined }, context),
    toResult(value) {
      const page = (Array.isArray(value) ? { resources: value } : value) as ResourcePage
      if (!Array.isArray(page?.resources))
        throw new Error(`list of resource "${name}" gave no list`)
      // Found out here, where it can still be masked: later the SDK would not answer at all.
      JSON.stringify(page)
      const { resources: entries, nextCursor } = page
      return { outcome: 'ok', result: { entries, ...(nextCursor && { nextCursor }) } }
    },
    refuse: refuseByError,
  }
}
