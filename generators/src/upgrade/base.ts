import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { cleanEnvironment } from '../environment.js'
import { CliError, shown } from '../errors.js'
import type { Origin } from '../origin.js'
import type { Files } from '../render.js'
import { run } from '../run.js'
import { lastLines, type OldCommand } from './old-command.js'

const maxBytes = 8 * 1024 * 1024

/** What the old command writes with the project's options, read back from a directory that is removed later. */
export async function makeBase(
  old: OldCommand,
  origin: Origin,
  place: { scratch: string; kit?: string; signal: AbortSignal },
): Promise<Files> {
  const { scratch, kit, signal } = place
  const args = [
    ...['project', `--name=${origin.name}`, ...flagsOf(origin)],
    ...(kit ? [`--kit=${kit}`] : []),
    ...['--yes', '--no-install', '--no-git'],
  ]
  const options = { cwd: scratch, env: cleanEnvironment(), signal }
  const { exitCode, output } = await run(process.execPath, [old.bin, ...args], options)
  if (exitCode !== 0) {
    throw new CliError(
      `create-mcp-prod ${origin.version} does not write the project by what .create-mcp-prod.json says (exit code ` +
        `${exitCode}); its last lines:\n${lastLines(output)}\n` +
        'create-mcp-prod: restore the file as it was committed',
    )
  }
  return filesBelow(join(scratch, 'project'))
}

/** As the user typed them, or might have. */
function flagsOf({ options }: Origin): string[] {
  return Object.entries(options).map(([name, value]) => {
    if (typeof value === 'string') return `--${name}=${value}`
    return value ? `--${name}` : `--no-${name}`
  })
}

async function filesBelow(root: string): Promise<Files> {
  const files: Files = new Map()
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const full = join(entry.parentPath, entry.name)
    if (entry.isDirectory()) continue
    const { mode, size } = await stat(full)
    if (!entry.isFile() || size > maxBytes) {
      throw new CliError(`the old template wrote ${shown(entry.name)}, which is no file to compare`)
    }
    const path = relative(root, full).split(sep).join('/')
    files.set(path, { content: await readFile(full), mode: mode & 0o100 ? 0o755 : 0o644 })
  }
  return files
}
