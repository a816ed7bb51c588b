import type { Resource } from './define-resource.js'
import type { ResourceTemplate } from './define-resource-template.js'
import { optionError } from './errors.js'
import { freeOfPaths } from './free-of-paths.js'
import type { Variables } from './uri-template.js'

/** Longer ones name nothing: what is read of a URI must cost little. */
export const MAX_URI_CHARS = 2048

const HALF_A_PAIR = /\p{Cs}/u

/** What a URI names. */
export type Located =
  | { definition: Resource; scopes: readonly string[]; variables: undefined }
  | { definition: ResourceTemplate; scopes: readonly string[]; variables: Variables }

/**
 * Finds the resource of a URI. Scopes are decided and the resource is read by the outcome of this one function, so there is no
 * second opinion on what a URI means. A fixed resource is found also by another way to write it
 * that matches a template; of a template, decoded values that would lead out of their place in a path match nothing.
 *
 * @throws TypeError `ERR_TOOLS_OPTION`
 */
export function locator(
  resources: readonly Resource[],
  templates: readonly ResourceTemplate[],
): (uri: string) => Located | undefined {
  const fixed = new Map<string, Resource>()
  const spelled = new Map<string, Resource>()
  for (const resource of resources) {
    if (fixed.has(resource.uri)) optionError(`two resources have the URI ${resource.uri}`)
    fixed.set(resource.uri, resource)
    for (const template of templates) {
      const variables = template.compiled.match(resource.uri)
      if (!variables) continue
      guardOverlap(resource, template)
      spelled.set(spellingOf(template, variables), resource)
    }
  }

  return function locate(uri) {
    if (typeof uri !== 'string' || uri.length > MAX_URI_CHARS || HALF_A_PAIR.test(uri)) return
    const exact = fixed.get(uri)
    if (exact) return fixedOf(exact)
    const matches = templates.flatMap((template) => {
      const variables = template.compiled.match(uri)
      return variables && isClean(template, variables) ? [{ template, variables }] : []
    })
    const [first] = matches
    if (!first) return undefined
    for (const { template, variables } of matches) {
      const respelled = spelled.get(spellingOf(template, variables))
      if (respelled) return fixedOf(respelled)
    }
    // Whichever of them an owner had in mind: the way around one's scopes must not lead through another.
    const scopes = [...new Set(matches.flatMap(({ template }) => template.scopes))]
    return { definition: first.template, scopes, variables: first.variables }
  }
}

function fixedOf(definition: Resource): Located {
  return { definition, scopes: definition.scopes, variables: undefined }
}

/** The same for every way to write the same values of a template. */
function spellingOf({ name, compiled }: ResourceTemplate, variables: Variables): string {
  const values = compiled.names.map((variable) => variables[variable]?.normalize('NFC') ?? null)
  return JSON.stringify([name, ...values])
}

function isClean({ freeText, pathVariables }: ResourceTemplate, variables: Variables): boolean {
  return Object.entries(variables).every(
    ([name, value]) => freeText.has(name) || freeOfPaths(value, pathVariables.has(name)),
  )
}

/** Another spelling of a name may be the same name to whatever a template reads from. */
function guardOverlap({ name, uri, scopes }: Resource, template: ResourceTemplate): void {
  const missing = scopes.filter((scope) => !template.scopes.includes(scope))
  if (missing.length === 0) return
  optionError(
    `resource template "${template.name}" matches ${uri} of resource "${name}" but does not need its scope ${missing[0]}: give the template that scope, or the resource a URI that it does not match`,
  )
}
