import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CliResult,
  environment,
  fixtureInstallation,
  fixtureTemplates,
  git,
  runCli,
  temporaryDirectory,
} from './fixture.js'

const guide = (change: Record<number, string> = {}) =>
  Array.from({ length: 30 }, (_, index) => `${change[index + 1] ?? `line ${index + 1}`}\n`).join('')

export const oldTemplates: Record<string, string | Buffer> = {
  ...fixtureTemplates,
  'server/_gitattributes': '*.dat binary\n',
  'server/guide.md': guide(),
  'server/same.md': guide(),
  'server/gone.md': 'no longer\n',
  'server/run.sh': '#!/bin/sh\necho run\n',
  'server/end.txt': 'no newline at the end',
  'server/logo.dat': Buffer.from([0, 1, 2, 3, 255]),
  'server/deep/empty.txt': '',
}

const { 'server/gone.md': _, ...kept } = oldTemplates
export const nextTemplates: Record<string, string | Buffer> = {
  ...kept,
  'server/_env.hbs': `${fixtureTemplates['server/_env.hbs']}NEW_SETTING=1\n`,
  'server/guide.md': guide({ 2: 'line 2 is new', 28: 'line 28 is new' }),
  'server/end.txt': 'no newline here\neither',
  'server/logo.dat': Buffer.from(Array.from({ length: 600 }, (_, index) => (index * 7) % 256)),
  'server/deep/empty.txt': 'no longer empty\n',
  'server/deep/young.ts': 'young()\n',
  'server/deep/nothing.txt': '',
}

/** Commands of two versions, as the registry gives them. */
export function twoVersions(
  before: Record<string, string | Buffer> = oldTemplates,
  after: Record<string, string | Buffer> = nextTemplates,
  versions = ['0.1.0', '0.2.0'],
) {
  const old = fixtureInstallation(before as Record<string, string>, versions[0])
  const next = fixtureInstallation(after as Record<string, string>, versions[1])
  if ('server/run.sh' in after) chmodSync(join(homeOf(next), 'templates/server/run.sh'), 0o755)
  return { old, next }
}

export const homeOf = (bin: string) => join(bin, '../..')

/** A project of the old version with its first commit. */
export async function projectOf(old: string, ...flags: string[]): Promise<string> {
  const place = temporaryDirectory()
  const args = ['x', '--yes', '--no-install', ...flags]
  const { exitCode, stderr } = await runCli(old, args, place)
  if (exitCode !== 0) throw new Error(stderr)
  return join(place, 'x')
}

export function diff(
  { old, next }: { old: string; next: string },
  project: string,
  env = environment(),
): Promise<CliResult> {
  return runCli(next, ['--diff', '--from', homeOf(old)], project, env)
}

export function commitAll(project: string, message = 'mine'): void {
  git(project, 'add', '--all')
  git(project, 'commit', '--quiet', '--message', message)
}
