import type {
  Resource as ListedResource,
  StandardSchemaWithJSON,
} from '@modelcontextprotocol/server'
import { type Completers, completersOf } from './completers.js'
import {
  type Readable,
  type ResourceContent,
  type ResourceOptions,
  readableOf,
} from './define-resource.js'
import { type Awaitable, jsonSchema, type Schema } from './definition.js'
import { optionError } from './errors.js'
import { functionOrNone } from './options.js'
import type { Principal, RunContext, ToolContext } from './types.js'
import { type CompiledTemplate, compileTemplate, type Variables } from './uri-template.js'

/** One page of the resources that a template has; the cursor is yours, and comes back from the caller: check it. */
export interface ResourcePage {
  resources: readonly ListedResource[]
  nextCursor?: string
}

export interface ResourceTemplateDefinition<Input extends Schema> extends ResourceOptions {
  /** `{var}`, `{/var}`, `{.var}`, one `{+path}`, and `{?a,b}` at the end (RFC 6570), such as `docs://{project}/{+path}`. */
  uriTemplate: string
  /** What the variables must be, and what `run` is given of them. @default texts */
  variables?: Input
  /**
   * The resources there are, for `resources/list`; asked only for who holds the scopes. All at once or page by page.
   * @default none is listed
   */
  list?(
    page: { cursor: string | undefined },
    context: RunContext,
  ): Awaitable<ResourcePage | readonly ListedResource[]>
  /** Suggests values of a variable, by its name. @default none */
  complete?: Completers
  /**
   * Whether a caller may read, and subscribe to, just this URI. If not, it is answered as one that does not exist.
   * @default whoever holds the scopes may
   */
  permits?(
    input: { uri: string; variables: StandardSchemaWithJSON.InferOutput<Input> },
    principal: Principal | undefined,
  ): Awaitable<boolean>
  /**
   * Variables that may hold any text, also `/`, `..` and what cannot be seen: for those that never become part of a path.
   * @default []
   */
  dangerouslyFreeText?: readonly string[]
  run(
    input: { uri: string; variables: StandardSchemaWithJSON.InferOutput<Input> },
    context: RunContext,
  ): Awaitable<ResourceContent>
}

/** A resource template as the rest of the kit reads it. */
export interface ResourceTemplate extends Readable {
  readonly kind: 'template'
  readonly uriTemplate: string
  readonly compiled: CompiledTemplate
  readonly freeText: ReadonlySet<string>
  readonly pathVariables: ReadonlySet<string>
  readonly variables: Schema | undefined
  readonly completers: ReadonlyMap<string, Completers[string]>
  readonly list: ResourceTemplateDefinition<Schema>['list']
  /** Undefined where whoever holds the scopes may read all. */
  readonly permits:
    | ((input: { uri: string; variables: unknown }, principal: Principal | undefined) => unknown)
    | undefined
  run(input: { uri: string; variables: unknown }, context: ToolContext): Awaitable<unknown>
}

type Texts = StandardSchemaWithJSON<Variables, Variables>

/**
 * Describes the resources of a URI template (MCP 2026-07-28, server/resources).
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a template that could match in several ways, or anything that `defineResource` refuses.
 */
export function defineResourceTemplate<Input extends Schema = Texts>(
  definition: ResourceTemplateDefinition<Input>,
): ResourceTemplate {
  const { name, uriTemplate, variables, list, complete = {}, permits, run } = definition
  const { dangerouslyFreeText = [] } = definition
  const { common, listed } = readableOf(definition)
  const of = `resource template "${name}"`
  functionOrNone(`list of ${of}`, list)
  functionOrNone(`permits of ${of}`, permits)
  if (permits && common.cacheScope === 'public') {
    optionError(
      `cacheScope of ${of} must be private: it has permits, and a shared cache would ask for none`,
    )
  }
  const compiled = compile(of, uriTemplate)
  const known = (option: string, names: Iterable<string>) => {
    for (const variable of names) {
      if (compiled.names.includes(variable)) continue
      optionError(`${option} of ${of} names ${variable}, which is no variable of ${uriTemplate}`)
    }
  }
  known('dangerouslyFreeText', dangerouslyFreeText)
  known('complete', Object.keys(complete))
  const schema = variables && jsonSchema(of, 'input', variables, 'variables')
  if (schema) known('variables', Object.keys((schema.properties ?? {}) as object))
  return Object.freeze({
    kind: 'template' as const,
    ...common,
    uriTemplate,
    compiled,
    freeText: new Set(dangerouslyFreeText),
    pathVariables: new Set([...uriTemplate.matchAll(/\{\+(\w+)\}/g)].map(([, path = '']) => path)),
    variables,
    completers: completersOf(of, complete, schema),
    list: list as ResourceTemplate['list'],
    permits: permits as ResourceTemplate['permits'],
    listing: { uriTemplate, ...listed },
    run: run as ResourceTemplate['run'],
  })
}

function compile(of: string, uriTemplate: string): CompiledTemplate {
  try {
    return compileTemplate(uriTemplate)
  } catch (cause) {
    return optionError(`uriTemplate ${uriTemplate} of ${of}: ${(cause as Error).message}`)
  }
}
