import { mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CliError, reason, shown } from '../errors.js'
import type { Given } from '../options.js'
import { damaged, type Origin, originPath, readOrigin, selectionOf } from '../origin.js'
import { findSource, kitVersions, ownVersion, type Source } from '../source.js'
import { makeBase } from './base.js'
import { compare, newSettings, unmergeable } from './compare.js'
import { emptyTarballs, isVendored } from './kit.js'
import { renderNext } from './next.js'
import { install, type OldCommand, openInstalled } from './old-command.js'
import { patchOfAll, summaryOf } from './report.js'

const say = (text: string) => void process.stderr.write(`create-mcp-prod: ${text}\n`)

/** `--diff`: what this command would write otherwise than the one that made the project. Writes nothing there. */
export async function diff(given: Given, from: string, signal: AbortSignal): Promise<void> {
  const project = await directoryOf(resolve(from, given.directory ?? '.'))
  const version = await ownVersion()
  const origin = await readOrigin(project, version)
  const { selection, unknown } = selectionOf(origin.options)
  if (origin.version === version) {
    if (unknown[0]) throw damaged(join(project, originPath), `no option is ${shown(unknown[0])}`)
    if (given.from === undefined) return say(`up to date: the project is of ${version}`)
  }
  const source = await findSource()
  await inScratch(async (scratch) => {
    const old = await oldCommand(origin, given.from && resolve(from, given.from), scratch, signal)
    const vendored = await isVendored(project)
    const kits = vendored ? await vendoredKits(scratch, old, source) : await registryKits(source)
    const base = await makeBase(old, origin, { scratch, signal, kit: kits.old })
    const next = await renderNext(origin.name, selection, source, kits.next, signal)
    const found = await compare(project, base, next.files, next.secret, signal)
    const versions: [string, string] = [origin.version, version]
    const place = {
      project,
      from,
      versions,
      unmergeable: await unmergeable(project, found, signal),
    }
    signal.throwIfAborted()
    process.stdout.write(patchOfAll(found))
    for (const option of unknown) say(`this version has no option ${option}: what it added is gone`)
    if (vendored) say(`the kit stays as it is in vendor/: renew its tarballs for ${version}`)
    const settings = newSettings(base, next.files)
    if (settings.length > 0) say(`new in the template's .env: ${settings.join(', ')}`)
    for (const line of summaryOf(found, place)) say(line)
  })
}

async function directoryOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    throw new CliError(
      `${shown(path)} cannot be read: ${reason(error)}: give the project's directory`,
    )
  }
}

function oldCommand(
  { version }: Origin,
  from: string | undefined,
  scratch: string,
  signal: AbortSignal,
): Promise<OldCommand> {
  if (from !== undefined) return openInstalled(from, version)
  say(`getting create-mcp-prod ${version}, which wrote the project`)
  return install(version, scratch, signal)
}

interface Kits {
  old?: string
  next: Parameters<typeof renderNext>[3]
}

async function registryKits(source: Source): Promise<Kits> {
  return { next: { kind: 'registry', versions: await kitVersions(source) } }
}

/** The lines for the kit stay as the project has them; what a newer template adds has its own version. */
async function vendoredKits(scratch: string, old: OldCommand, source: Source): Promise<Kits> {
  const directory = join(scratch, 'next-kit')
  await emptyTarballs(directory, { ...(await kitVersions(source)), ...old.kit })
  return {
    old: await emptyTarballs(join(scratch, 'old-kit'), old.kit),
    next: { kind: 'tarballs', directory },
  }
}

/** A directory for the time of the work, whatever end it comes to. */
async function inScratch(work: (scratch: string) => Promise<void>): Promise<void> {
  let scratch: string
  try {
    scratch = await mkdtemp(join(tmpdir(), 'create-mcp-prod-'))
  } catch (error) {
    throw new CliError(`cannot make a temporary directory in ${shown(tmpdir())}: ${reason(error)}`)
  }
  try {
    await work(scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true, maxRetries: 3 })
  }
}
