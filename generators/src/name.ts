import { basename } from 'node:path'
import validate from 'validate-npm-package-name'
import { shown, usage } from './errors.js'

/** What stands beside the server, whose own service has the project's name. */
const services = new Set([
  ...['alertmanager', 'auth-server', 'grafana', 'postgres', 'prometheus', 'proxy', 'redis'],
])

/** Why npm would refuse this name, or undefined when it does not. */
export function nameProblem(name: string): string | undefined {
  const { validForNewPackages, errors = [], warnings = [] } = validate(name)
  return validForNewPackages ? undefined : (errors[0] ?? warnings[0] ?? 'npm refuses it')
}

/** Why a new project cannot have this name, or undefined when it can. */
export function newNameProblem(name: string, hasCompose = true): string | undefined {
  const label = labelOf(name)
  const isTaken = hasCompose && services.has(label)
  return nameProblem(name) ?? (isTaken ? `compose.yaml has a service ${label} too` : undefined)
}

/**
 * The project's name: as given, or the directory's own.
 *
 * @throws CliError (usage) for a name that npm refuses, or that something else in the project has.
 */
export function projectName(directory: string, given?: string, hasCompose?: boolean): string {
  const name = given ?? basename(directory)
  const problem = newNameProblem(name, hasCompose)
  if (problem === undefined) return name
  const origin = given === undefined ? "the directory's name" : '--name'
  throw usage(
    `${origin} ${shown(name)} cannot name the project: ${problem}: give --name ${suggestName(name)}`,
  )
}

/** The nearest name that the project can have, in the same scope. */
export function suggestName(text: string): string {
  const [, scope = '', rest = text] = /^@([^/]*)\/(.*)$/s.exec(text) ?? []
  const prefix = slugOf(scope) && `@${slugOf(scope)}/`
  const slug = slugOf(rest)
  const name = `${prefix}${services.has(labelOf(slug)) ? `${slug}-server` : slug}`
  return newNameProblem(name) === undefined ? name : `${prefix}my-server`
}

/**
 * A project's name where only a DNS label may stand, as for what Kubernetes makes (RFC 1123, and a letter first as RFC 1035 wants it
 * for a Service). What is appended there, such as `-production`, needs the rest of 63 characters.
 */
export function labelOf(name: string): string {
  const label = slugOf(name.replace(/^.*\//, ''))
  return (/^[a-z]/.test(label) ? label : `mcp-${label}`).slice(0, 50).replace(/-+$/, '')
}

function slugOf(text: string): string {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 60)
    .replace(/^-+|-+$/g, '')
}
