import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CliError, reason, shown } from '../errors.js'
import { type JsonObject, parseObject } from '../json.js'
import { npm } from '../npm.js'

/** An installed create-mcp-prod of the version that wrote the project. */
export interface OldCommand {
  /** The script that node runs. */
  bin: string
  /** The packages of the kit it knows, with their versions. */
  kit: Record<string, string>
}

const packageName = /^@mcp-prod\/[a-z0-9-]+$/

/**
 * Gets that version from the registry into a directory of its own, by the user's settings of npm. No script of a
 * package runs.
 */
export async function install(
  version: string,
  scratch: string,
  signal: AbortSignal,
): Promise<OldCommand> {
  const wanted = `create-mcp-prod@${version}`
  const args = ['install', '--prefix=.', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save']
  // npm's own ten seconds and a minute of waiting are long for somebody who has no network.
  const retries = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--prefer-offline']
  const { exitCode, output } = await npm([...args, ...retries, wanted], { cwd: scratch, signal })
  if (exitCode !== 0) {
    throw new CliError(
      `cannot get ${wanted}, which wrote the project (npm install, exit code ${exitCode}); its last lines:\n` +
        `${lastLines(output)}\ncreate-mcp-prod: look at the network and npm's registry, or give --from <directory> ` +
        `with an installed create-mcp-prod ${version}`,
    )
  }
  return openInstalled(join(scratch, 'node_modules/create-mcp-prod'), version)
}

/** @throws CliError when the directory holds anything but that version as the registry gives it. */
export async function openInstalled(home: string, version: string): Promise<OldCommand> {
  const remedy = `give --from node_modules/create-mcp-prod after npm install create-mcp-prod@${version}`
  const refuse = (why: string) => new CliError(`${shown(home)} ${why}: ${remedy}`)
  const read = async (path: string): Promise<JsonObject> => {
    try {
      return parseObject(await readFile(join(home, path), 'utf8'), path)
    } catch (error) {
      throw refuse(`is no installed create-mcp-prod (${path}: ${reason(error)})`)
    }
  }
  const manifest = await read('package.json')
  if (manifest.name !== 'create-mcp-prod') throw refuse('is another package than create-mcp-prod')
  if (manifest.version !== version) {
    const has = shown(String(manifest.version))
    throw refuse(`holds version ${has}, but the project is of ${shown(version)}`)
  }
  const kit = await read('kit/versions.json')
  const entries = Object.entries(kit).filter(([name]) => packageName.test(name))
  const bin = (manifest.bin as JsonObject | undefined)?.['create-mcp-prod']
  if (typeof bin !== 'string') throw refuse('has no command')
  return {
    bin: resolve(home, bin),
    kit: Object.fromEntries(entries.map(([name, value]) => [name, String(value)])),
  }
}

export function lastLines(output: string): string {
  return output.trimEnd().split('\n').slice(-10).join('\n')
}
