import { relative, sep } from 'node:path'
import { changeTo, shellWord } from '../shell.js'
import type { Found } from './compare.js'
import { patchOf, quoted } from './patch.js'
import { repositoryOf } from './repository.js'

/** Between which commands, where, and what the project's repository can do. */
export interface Place {
  project: string
  /** Where the user stands. */
  from: string
  versions: [string, string]
  /** Changed files whose old content git no longer has, so that it cannot merge them by three. */
  unmergeable: string[]
}

/** Why git could not apply a change, or undefined. */
function obstacle({ base, next, state }: Found): string | undefined {
  if (state === 'link') return 'it is no plain file in the project'
  if (!base) return state === 'missing' ? undefined : 'the project has another file of this name'
  if (state === 'missing') return 'the project no longer has it here'
  const isKept = !next && state === 'changed'
  return isKept ? 'the template has it no longer, but it was changed' : undefined
}

/** For standard output: what `git apply` takes, and after it, as comments, what it could not. */
export function patchOfAll(found: Found[]): string {
  const applied = found.filter((change) => obstacle(change) === undefined)
  const left = found.filter((change) => obstacle(change) !== undefined)
  return [...applied.map(patchOf), ...left.map(commented)].join('')
}

/** git passes over these lines when it reads a patch. */
function commented(change: Found): string {
  const lines = patchOf(change).trimEnd().split('\n')
  const all = ['', leftOut(change), ...lines]
  return `${all.map((line) => `# ${line}`.trimEnd()).join('\n')}\n`
}

function leftOut(change: Found): string {
  return `left out: ${quoted(change.path)}: ${obstacle(change)}`
}

/** For standard error. */
export function summaryOf(found: Found[], place: Place): string[] {
  const applied = found.filter((change) => obstacle(change) === undefined)
  const left = found.filter((change) => obstacle(change) !== undefined)
  return [
    `from ${place.versions.join(' to ')}: ${countsOf(found)}${changedByUser(applied)}`,
    ...left.map(leftOut),
    ...(applied.length > 0 ? applying(place) : []),
  ]
}

function countsOf(found: Found[]): string {
  const changed = found.filter(({ base, next }) => base && next).length
  const young = found.filter(({ base }) => !base).length
  const first = changed === 1 ? '1 file changes' : `${changed} files change`
  return `${first}, ${young} new, ${found.length - changed - young} gone`
}

function changedByUser(applied: Found[]): string {
  const yours = applied.filter(({ state }) => state === 'changed').map(({ path }) => quoted(path))
  return yours.length > 0 ? `; you have changed ${yours.length} of them: ${yours.join(', ')}` : ''
}

function applying({ project, from, unmergeable }: Place): string[] {
  const repository = repositoryOf(project)
  const below = repository === undefined ? '' : relative(repository, project).split(sep).join('/')
  const directory = below && ` --directory=${shellWord(below)}`
  const canMerge = repository !== undefined && unmergeable.length === 0
  const change = changeTo(from, project)
  const command = `git apply ${canMerge ? '--3way' : '--reject'}${directory} upgrade.patch`
  const lines = [
    `to apply it, commit what you have and save it as upgrade.patch, then: ${change && `${change} && `}${command}`,
  ]
  if (repository !== undefined && unmergeable.length > 0) {
    lines.push(
      `git does not have the old template of ${unmergeable.map(quoted).join(', ')}: what does not fit there is left in *.rej`,
    )
  }
  return lines
}
