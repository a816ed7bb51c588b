import type { Files } from '../render.js'
import { type State, stateOf } from './own.js'
import { blobId, type Change, gitMode } from './patch.js'
import { hasBlob, ignoredIn } from './repository.js'

/** A change, and how the project stands to it. */
export interface Found extends Change {
  state: State
}

/** Made by npm, or never committed, whatever the project's .gitignore says. */
const neverShown =
  /^(package-lock\.json|vendor\/.*|node_modules\/.*|dist\/.*|(.*\/)?\.env(\.(?!example$).*)?)$/

/**
 * What differs between the two templates, without secrets, what git ignores in the project, and what is so in the
 * project already.
 */
export async function compare(
  project: string,
  base: Files,
  next: Files,
  secret: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Found[]> {
  const paths = [...new Set([...base.keys(), ...next.keys()])].sort()
  const differing = paths
    .filter((path) => !neverShown.test(path) && !secret.has(path))
    .map((path): Change => ({ path, base: base.get(path), next: next.get(path) }))
    .filter(isChange)
  const ignored = await ignoredIn(
    project,
    differing.map(({ path }) => path),
    signal,
  )
  const shown = differing.filter(({ path }) => !ignored.has(path))
  const found = await Promise.all(
    shown.map(async (change) => ({
      ...change,
      state: await stateOf(project, change.path, change.base, change.next),
    })),
  )
  return found.filter(({ next, state }) => state !== 'next' && (next || state !== 'missing'))
}

function isChange({ base, next }: Change): boolean {
  if (!base || !next) return true
  return !base.content.equals(next.content) || gitMode(base) !== gitMode(next)
}

/** Files of the user's that git cannot merge by three, for it does not have what they were made from. */
export async function unmergeable(
  project: string,
  found: Found[],
  signal: AbortSignal,
): Promise<string[]> {
  const lacking: string[] = []
  for (const { path, base, next, state } of found) {
    if (state !== 'changed' || !base || !next) continue
    if (!(await hasBlob(project, blobId(base), signal))) lacking.push(path)
  }
  return lacking
}

/** Settings that the new template's `.env` has and the old one's has not: that file itself is never shown. */
export function newSettings(base: Files, next: Files): string[] {
  const namesIn = (files: Files): string[] =>
    (files.get('.env')?.content.toString() ?? '').match(/^[A-Z][A-Z0-9_]*(?==)/gm) ?? []
  const known = namesIn(base)
  return namesIn(next).filter((name) => !known.includes(name))
}
