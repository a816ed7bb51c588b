import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { must } from '../../support/command.js'
import type { Contestant } from '../contestants.js'

/** Lines that are neither blank nor only a comment. */
export async function linesToFirstTool(contestant: Contestant, folder: string): Promise<string> {
  const texts = await Promise.all(
    contestant.written.map((file) => readFile(join(folder, file), 'utf8')),
  )
  const lines = texts.flatMap((text) => text.split('\n'))
  const count = lines.filter((line) => line.trim() !== '' && !/^\s*\/\//.test(line)).length
  if (contestant.id !== 'mcp-prod') return `${count}`
  const source = await readdir(join(folder, 'src'), { recursive: true })
  const generated = await Promise.all(
    source
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFile(join(folder, 'src', name), 'utf8')),
  )
  const all = generated.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '')
  return `${count}, beside ${all.length} generated`
}

/** What an installation for production holds: packages, and the sizes of their files. */
export async function installed(folder: string): Promise<Record<'packages' | 'megabytes', string>> {
  const listed = await must('npm', ['ls', '--omit=dev', '--all', '--parseable'], folder)
  const paths = [...new Set(listed.split('\n'))].filter((path) => path.includes('node_modules'))
  const sizes = await Promise.all(paths.map(sizeOf))
  const bytes = sizes.reduce((sum, size) => sum + size, 0)
  return { packages: `${paths.length}`, megabytes: `${Math.round(bytes / 1e6)} MB` }
}

/** The files of one package, without those of the packages inside it, which are listed themselves. */
async function sizeOf(folder: string): Promise<number> {
  let sum = 0
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) sum += await sizeOf(path)
    else if (entry.isFile()) sum += (await stat(path)).size
  }
  return sum
}

const kinds: readonly [string, RegExp][] = [
  ['alert rules', /^\s*-?\s*alert: \w/m],
  ['dashboard', /"panels":\s*\[/],
  ['Kubernetes manifests', /^apiVersion: (apps\/)?v1$/m],
  ['container image', /^FROM \S+/m],
]

/** Which files of operation a contestant brings: in its own package, or in what it writes. */
export async function operation(contestant: Contestant, folder: string): Promise<string> {
  const [own = ''] = Object.keys(contestant.packages)
  const place = own === '' ? folder : join(folder, 'node_modules', own)
  const texts = await textsIn(place)
  const found = kinds.filter(([, pattern]) => texts.some((text) => pattern.test(text)))
  return found.map(([name]) => name).join(', ') || 'none'
}

/** Whether its readme or code reads a secret from a file that a variable ending in _FILE names. */
export async function secretFiles(contestant: Contestant, folder: string): Promise<string> {
  const [own = ''] = Object.keys(contestant.packages)
  const texts = await textsIn(join(folder, 'node_modules', own))
  const pattern = /process\.env[.[]["'\w]*_FILE\b|\b[A-Z]+_(KEY|SECRET|TOKEN|PASSWORD)S?_FILE\b/
  return texts.some((text) => pattern.test(text)) ? 'mentioned' : 'not mentioned'
}

async function textsIn(folder: string): Promise<string[]> {
  const texts: string[] = []
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (['node_modules', 'vendor', 'with-oauth', 'test'].includes(entry.name)) continue
    if (entry.isDirectory()) texts.push(...(await textsIn(path)))
    else if (!entry.name.endsWith('.map')) texts.push(await readFile(path, 'utf8'))
  }
  return texts
}

/** What its package offers by name for signing people in, as a server or a proxy of OAuth. */
export async function signIn(contestant: Contestant, folder: string): Promise<string> {
  const [own = ''] = Object.keys(contestant.packages)
  if (own === '') return 'none'
  const texts = await textsIn(join(folder, 'node_modules', own))
  const pattern = /\b(?:class|function) (OAuthProxy|ProxyOAuthServerProvider)\b/
  const names = new Set(texts.flatMap((text) => pattern.exec(text)?.[1] ?? []))
  return [...names].map((name) => `\`${name}\``).join(', ') || 'none'
}
