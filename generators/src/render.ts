import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import Handlebars from 'handlebars'
import type { Features } from './features.js'
import { formatJson, mergeJson, parseObject } from './json.js'
import { applyFileMarker, applyMarkers } from './markers.js'
import { labelOf } from './name.js'

export interface ProjectFile {
  content: Buffer
  /** Permission bits: 0o644, 0o755, or 0o600 for `.env`. */
  mode: number
}

/** Every file of a project by its path, with `/`, in order. */
export type Files = Map<string, ProjectFile>

export interface RenderOptions {
  /** The project's npm name; it becomes `name` in package.json. */
  name: string
  /** Every known feature, on or off; overlays are laid in this order. */
  features: Features
  /** The folder that holds `server/` and `+feature/`. */
  templates: string
  /** What `*.hbs` files may use besides `name`, `version`, `features` and `slug`, the name as a DNS label. */
  values?: Record<string, string>
}

const ignored = new Set(['node_modules', '.DS_Store'])

/**
 * The whole project in memory, from templates: overlays, line markers, JSON merged as data, values in `*.hbs`. A file
 * whose first line is a marker and nothing else stays only with that feature.
 *
 * @throws Error naming the template for an unknown feature or value, and for a file npm would not pack.
 */
export async function renderProject(options: RenderOptions): Promise<Files> {
  const { name, features, templates, values = {} } = options
  const slug = labelOf(name)
  const data = { version: '0.1.0', ...values, name, slug, features }
  const files = new Map<string, ProjectFile>()
  for (const layer of await layersOf(templates, features)) {
    for (const source of await filesIn(join(templates, layer))) {
      const where = `templates/${layer}/${source}`
      const { mode } = await stat(join(templates, layer, source))
      const path = outputPath(source)
      const bytes = await readFile(join(templates, layer, source))
      const content = renderFile(bytes, source, where, features, data)
      if (content === undefined) continue
      const below = files.get(path)?.content
      const merged =
        below && path.endsWith('.json')
          ? mergeText(below.toString(), content.toString(), where)
          : content
      files.set(path, { content: Buffer.from(merged), mode: modeOf(path, mode) })
    }
  }
  nameProject(files, name, data.version)
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

async function layersOf(templates: string, features: Features): Promise<string[]> {
  const overlays = (await readdir(templates)).filter((entry) => entry.startsWith('+'))
  const unknown = overlays.find((entry) => !Object.hasOwn(features, entry.slice(1)))
  if (unknown) throw new Error(`templates/${unknown}: overlay names no feature`)
  const on = Object.keys(features).filter((name) => features[name] && overlays.includes(`+${name}`))
  return ['server', ...on.map((name) => `+${name}`)]
}

/** Level by level: in an archive, from which Yarn runs a package, a recursive readdir forgets the folders. */
async function filesIn(root: string, below = ''): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = below ? `${below}/${entry.name}` : entry.name
    if (ignored.has(entry.name)) continue
    if (entry.name.startsWith('.')) {
      throw new Error(`${join(root, path)}: npm may not pack it; name it _${entry.name.slice(1)}`)
    }
    if (entry.isDirectory()) found.push(...(await filesIn(root, path)))
    else if (entry.isFile()) found.push(path)
    else throw new Error(`${join(root, path)}: not a file`)
  }
  return found.sort()
}

/** `_github/x.yml.hbs` is written as `.github/x.yml`. */
function outputPath(source: string): string {
  return source
    .replace(/\.hbs$/, '')
    .split('/')
    .map((part) => part.replace(/^_/, '.'))
    .join('/')
}

function modeOf(path: string, mode: number): number {
  if (path === '.env') return 0o600
  return mode & 0o100 ? 0o755 : 0o644
}

function renderFile(
  bytes: Buffer,
  source: string,
  where: string,
  features: Features,
  data: object,
): Buffer | undefined {
  if (bytes.includes(0)) return bytes
  const read = bytes.toString()
  // Not UTF-8, so not a text that markers could stand in.
  if (!Buffer.from(read).equals(bytes)) return bytes
  // A clone on Windows has CRLF, with which no shell script runs.
  const text = read.replaceAll('\r\n', '\n')
  const whole = applyFileMarker(text, features, where)
  if (whole === undefined) return undefined
  const kept = applyMarkers(whole, features, where)
  if (!source.endsWith('.hbs')) return Buffer.from(kept)
  try {
    return Buffer.from(Handlebars.compile(kept, { noEscape: true, strict: true })(data))
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`)
  }
}

function mergeText(below: string, above: string, where: string): string {
  return formatJson(mergeJson(parseObject(below, where), parseObject(above, where)))
}

function nameProject(files: Files, name: string, version: string): void {
  const manifest = files.get('package.json')
  if (!manifest) throw new Error('templates/server/package.json is missing')
  const parsed = parseObject(manifest.content.toString(), 'templates/server/package.json')
  // First in the file, as npm init writes them.
  const named = { name, version, ...parsed }
  manifest.content = Buffer.from(formatJson({ ...named, name, version }))
}
