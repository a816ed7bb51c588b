import type { Tool } from './define.js'
import type { Prompt } from './define-prompt.js'
import type { Resource } from './define-resource.js'
import type { ResourceTemplate } from './define-resource-template.js'
import { optionError } from './errors.js'
import { type Located, locator } from './locate.js'

export type Definition = Tool | Resource | ResourceTemplate | Prompt

/** An entry of a request as `callsOf` of `@mcp-prod/rpc` gives it; all of it is the caller's text. */
export interface CallLike {
  method: string
  name?: string | undefined
  params?: Record<string, unknown> | undefined
}

export interface DefinitionLists {
  tools?: readonly Tool[]
  /** Fixed ones and templates; where several templates match a URI, the first has it. */
  resources?: readonly (Resource | ResourceTemplate)[]
  prompts?: readonly Prompt[]
}

/** What there is, for whatever authorises, limits or counts calls. No text of a caller's becomes a name. */
export interface Definitions {
  /** What a call runs or asks about; undefined for lists and the like, and for what does not exist. */
  find(call: CallLike): Definition | undefined
  /** The scopes that it needs, all of them; of `subscriptions/listen` those of every resource it names. */
  scopesOf(call: CallLike): readonly string[]
  /** What it counts against a rate limit: of `subscriptions/listen` all that it names; 1 where there is no definition. */
  weightOf(call: CallLike): number
  /** One of `labels`, or undefined. */
  nameOf(call: CallLike): string | undefined
  /** All that `nameOf` can give. */
  readonly labels: readonly string[]
  /** The resource that a URI names, by the very text that is then read. */
  locate(uri: string): Located | undefined
  readonly tools: readonly Tool[]
  readonly resources: readonly Resource[]
  readonly templates: readonly ResourceTemplate[]
  readonly prompts: readonly Prompt[]
}

const URI_METHODS = new Set(['resources/read', 'resources/subscribe', 'resources/unsubscribe'])

/**
 * One table of everything that a server has.
 *
 * @throws TypeError `ERR_TOOLS_OPTION` when two of a kind share a name or a URI, or when a template would read without a
 * scope what a fixed resource needs that scope for.
 */
export function definitionsOf(lists: DefinitionLists): Definitions {
  const { tools = [], resources: readable = [], prompts = [] } = lists
  const resources = readable.filter(({ kind }) => kind === 'resource') as Resource[]
  const templates = readable.filter(({ kind }) => kind === 'template') as ResourceTemplate[]
  const toolsByName = byName('tools', tools)
  const promptsByName = byName('prompts', prompts)
  byName('resources', readable)
  const locate = locator(resources, templates)
  const templatesByUri = new Map(templates.map((template) => [template.uriTemplate, template]))

  /** What a completion is for, with the scopes that it needs. */
  function referred(ref: unknown) {
    const { type, name, uri } = (ref ?? {}) as Record<string, unknown>
    if (type === 'ref/prompt') return asItIs(promptsByName.get(name as string))
    if (type !== 'ref/resource' || typeof uri !== 'string') return undefined
    return asItIs(templatesByUri.get(uri)) ?? locate(uri)
  }

  function find({ method, name = '', params }: CallLike): Definition | undefined {
    if (method === 'tools/call') return toolsByName.get(name)
    if (method === 'prompts/get') return promptsByName.get(name)
    if (URI_METHODS.has(method)) return locate(name)?.definition
    return method === 'completion/complete' ? referred(params?.ref)?.definition : undefined
  }

  function scopesOf(call: CallLike): readonly string[] {
    if (URI_METHODS.has(call.method)) return locate(call.name ?? '')?.scopes ?? []
    if (call.method === 'completion/complete') return referred(call.params?.ref)?.scopes ?? []
    if (call.method !== 'subscriptions/listen') return find(call)?.scopes ?? []
    const scopes = listenedUris(call.params).flatMap((uri) => locate(uri)?.scopes ?? [])
    return [...new Set(scopes)]
  }

  function weightOf(call: CallLike): number {
    if (call.method !== 'subscriptions/listen') return find(call)?.weight ?? 1
    const uris = [...new Set(listenedUris(call.params))]
    const weights = uris.map((uri) => locate(uri)?.definition.weight ?? 0)
    return Math.max(
      1,
      weights.reduce((sum, weight) => sum + weight, 0),
    )
  }

  return {
    find,
    scopesOf,
    weightOf,
    nameOf: (call) => find(call)?.label,
    labels: [...tools, ...readable, ...prompts].map(({ label }) => label),
    locate,
    tools,
    resources,
    templates,
    prompts,
  }
}

/** Of how many resources one stream or session may hear. */
export const MAX_SUBSCRIBED_URIS = 100

/** The URIs whose changes a `subscriptions/listen` asks for; one more than there may be, if there are more. */
export function listenedUris(params: Record<string, unknown> | undefined): string[] {
  const { resourceSubscriptions } = (params?.notifications ?? {}) as Record<string, unknown>
  if (!Array.isArray(resourceSubscriptions)) return []
  const uris = resourceSubscriptions.slice(0, MAX_SUBSCRIBED_URIS + 1)
  return uris.filter((uri) => typeof uri === 'string')
}

function asItIs(definition: Definition | undefined) {
  return definition && { definition, scopes: definition.scopes }
}

function byName<T extends Definition>(plural: string, list: readonly T[]): Map<string, T> {
  const named = new Map<string, T>()
  for (const definition of list) {
    const { name } = definition
    if (named.has(name)) optionError(`two ${plural} are named "${name}"; names must be unique`)
    named.set(name, definition)
  }
  return named
}
