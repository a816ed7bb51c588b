import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CliError, shown } from './errors.js'
import { formatJson, type JsonObject, parseObject } from './json.js'
import { npm } from './npm.js'
import type { Files } from './render.js'
import type { KitSource } from './source.js'

const scope = '@mcp-prod/'
const rpc = '@mcp-prod/rpc'

/**
 * Says in package.json where the kit's packages come from: `^x.y.z` of the registry, or a tarball that is laid
 * into the project's vendor folder, so that the project can be moved and built in a container. `rpc`, which
 * the others need, is then named and overridden too, so that npm never asks the registry for the kit.
 */
export async function addKit(files: Files, source: KitSource, signal?: AbortSignal): Promise<void> {
  const manifest = files.get('package.json')
  if (!manifest) return
  const parsed = parseObject(manifest.content.toString(), 'package.json')
  const wanted = namesIn(parsed)
  if (wanted.length === 0) return
  const all = source.kind === 'registry' ? wanted : [...new Set([...wanted, rpc])]
  const specs = await specsOf(all, source, files, signal)
  const dependencies = { ...(parsed.dependencies as JsonObject | undefined) }
  const devDependencies = { ...(parsed.devDependencies as JsonObject | undefined) }
  for (const [name, spec] of Object.entries(specs)) {
    if (name in devDependencies) devDependencies[name] = spec
    else dependencies[name] = spec
  }
  const lists = { dependencies, ...(parsed.devDependencies && { devDependencies }) }
  // Without it npm looks up the registry for what the tarballs need, before it sees that it has it.
  const overrides = { ...(parsed.overrides as JsonObject | undefined), [rpc]: `$${rpc}` }
  const laid = { ...parsed, ...lists, ...(source.kind !== 'registry' && { overrides }) }
  manifest.content = Buffer.from(formatJson(laid))
}

function namesIn(manifest: JsonObject): string[] {
  const lists = [manifest.dependencies, manifest.devDependencies] as (JsonObject | undefined)[]
  return lists.flatMap((list) => Object.keys(list ?? {}).filter((name) => name.startsWith(scope)))
}

async function specsOf(
  names: string[],
  source: KitSource,
  files: Files,
  signal?: AbortSignal,
): Promise<Record<string, string>> {
  if (source.kind === 'registry') {
    return Object.fromEntries(names.map((name) => [name, `^${versionOf(name, source.versions)}`]))
  }
  if (source.kind === 'tarballs') return vendor(names, source.directory, files)
  const packed = await mkdtemp(join(tmpdir(), 'create-mcp-prod-'))
  try {
    await pack(names, source.root, packed, signal)
    return await vendor(names, packed, files)
  } finally {
    await rm(packed, { recursive: true, force: true })
  }
}

function versionOf(name: string, versions: Record<string, string>): string {
  const version = versions[name]
  if (!version) throw new Error(`kit/versions.json has no version of ${name}`)
  return version
}

async function pack(
  names: string[],
  root: string,
  to: string,
  signal?: AbortSignal,
): Promise<void> {
  const unbuilt = names.find(
    (name) => !existsSync(join(root, 'packages', name.slice(scope.length), 'dist/index.js')),
  )
  if (unbuilt)
    throw new CliError(`${unbuilt} is not built in this clone: run npm ci && npm run build there`)
  const workspaces = names.map((name) => `--workspace=${name}`)
  const args = ['pack', '--ignore-scripts', `--pack-destination=${to}`, ...workspaces]
  const { exitCode, output } = await npm(args, { cwd: root, signal })
  if (exitCode !== 0) throw new CliError(`npm pack failed in ${shown(root)}:\n${output.trimEnd()}`)
}

async function vendor(
  names: string[],
  directory: string,
  files: Files,
): Promise<Record<string, string>> {
  const entries = await readdir(directory).catch(() => {
    throw new CliError(
      `--kit ${shown(directory)} is no directory: give one with the kit's tarballs`,
      2,
    )
  })
  const specs: Record<string, string> = {}
  for (const name of names) {
    const prefix = `${name.slice(1).replace('/', '-')}-`
    const found = entries.filter(
      (entry) => entry.startsWith(prefix) && /^\d[^/]*\.tgz$/.test(entry.slice(prefix.length)),
    )
    if (found[0] === undefined || found.length > 1) {
      throw new CliError(
        `${shown(directory)} holds ${found.length} tarballs of ${name}: put one there with npm pack`,
      )
    }
    const path = `vendor/${found[0]}`
    files.set(path, { content: await readFile(join(directory, found[0])), mode: 0o644 })
    specs[name] = `file:${path}`
  }
  return specs
}
