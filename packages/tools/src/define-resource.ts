import type { Annotations, ReadResourceResult } from '@modelcontextprotocol/server'
import {
  type Awaitable,
  type Common,
  type CommonDefinition,
  commonOf,
  given,
  type InputRequired,
} from './definition.js'
import { optionError } from './errors.js'
import type { RunContext, ToolContext } from './types.js'

/** Text, bytes, or a whole result; or a request for more input. */
export type ResourceContent = string | Uint8Array | ReadResourceResult | InputRequired

/** What fixed resources and templates have in common. */
export interface ResourceOptions extends CommonDefinition {
  description?: string
  mimeType?: string
  annotations?: Annotations
  /** Milliseconds for which a client may keep what it read. @default 0 */
  ttlMs?: number
  /** `public` when it is the same for every caller, so that caches may share it; not possible with `scopes` or `permits`. @default 'private' */
  cacheScope?: 'public' | 'private'
}

export interface ResourceDefinition extends ResourceOptions {
  /** The one URI it has, such as `config://app`. */
  uri: string
  /** Its size in bytes, if it is known beforehand. */
  size?: number
  run(input: { uri: string }, context: RunContext): Awaitable<ResourceContent>
}

/** What reading needs of a resource, fixed or of a template. */
export interface Readable extends Common {
  readonly mimeType: string | undefined
  readonly ttlMs: number
  readonly cacheScope: 'public' | 'private'
  /** Its entry of the list. */
  readonly listing: Readonly<Record<string, unknown>>
}

/** A fixed resource as the rest of the kit reads it. */
export interface Resource extends Readable {
  readonly kind: 'resource'
  readonly uri: string
  run(input: { uri: string }, context: ToolContext): Awaitable<unknown>
}

/**
 * Describes a resource with one fixed URI (MCP 2026-07-28, server/resources).
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a bad name, URI, limit, timeout or cache field.
 */
export function defineResource(definition: ResourceDefinition): Resource {
  const { name, uri, size, run } = definition
  const { common, listed } = readableOf(definition)
  if (typeof uri !== 'string' || !/^[a-z][a-z0-9+.-]*:[^\s{}]+$/i.test(uri) || !URL.canParse(uri)) {
    optionError(`uri of resource "${name}" must be a URI such as config://app, got ${uri}`)
  }
  const { username, password } = new URL(uri)
  if (username || password) optionError(`uri of resource "${name}" must not contain credentials`)
  const listing = { uri, ...listed, ...given({ size }) }
  return Object.freeze({ kind: 'resource' as const, ...common, uri, listing, run })
}

/** @throws TypeError `ERR_TOOLS_OPTION` */
export function readableOf(definition: ResourceOptions) {
  const { name, title, description, mimeType, annotations, icons } = definition
  const { ttlMs = 0, cacheScope = 'private' } = definition
  const common = commonOf('resource', definition)
  if (!(Number.isSafeInteger(ttlMs) && ttlMs >= 0))
    optionError(`ttlMs of resource "${name}" must be a whole number, 0 or more, got ${ttlMs}`)
  if (cacheScope !== 'public' && cacheScope !== 'private')
    optionError(`cacheScope of resource "${name}" must be public or private, got ${cacheScope}`)
  if (cacheScope === 'public' && common.scopes.length > 0) {
    optionError(
      `cacheScope of resource "${name}" must be private: it needs scopes, and a shared cache would give it to anybody`,
    )
  }
  return {
    common: { ...common, mimeType, ttlMs, cacheScope },
    listed: { name, ...given({ title, description, mimeType, annotations, icons }) },
  }
}
