import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { root } from '../command.js'

// Installed, built, or the output of the templates, which has tests of its own.
const skipped = new Set(['node_modules', 'dist', 'snapshots', 'coverage', '.git', '.turbo'])

/** Every document of the repository, by its path from the root. */
export async function documents(folder = root): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const found = await Promise.all(
    entries.map((entry) => {
      if (skipped.has(entry.name)) return []
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return documents(path)
      return entry.isFile() && entry.name.endsWith('.md') ? [relative(root, path)] : []
    }),
  )
  return found.flat().sort()
}

/** What is prose: without fenced and indented blocks. */
export function proseOf(markdown: string): string {
  return markdown.replaceAll(/^(`{3,})[\s\S]*?^\1$/gm, '').replaceAll(/^ {4}.*$/gm, '')
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchorsOf(markdown: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of proseOf(markdown).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim()
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

/** The links of a document that lead nowhere in the repository, each with the reason. */
export async function brokenLinks(path: string, markdown: string): Promise<string[]> {
  const prose = proseOf(markdown).replaceAll(/`[^`\n]+`/g, '`code`')
  const targets = [...prose.matchAll(/\]\(<?([^)\s>]+)[^)]*\)|^\[(?!\^)[^\]]+\]: (\S+)/gm)]
  const broken: string[] = []
  for (const [, inline, reference] of targets) {
    const target = inline ?? reference ?? ''
    if (/^[a-z][a-z0-9+.-]*:/i.test(target)) continue
    const [file = '', anchor] = target.split('#').map((part) => decodeURIComponent(part))
    const to = file === '' ? path : join(dirname(path), file)
    if (to.startsWith('..') || !existsSync(join(root, to))) broken.push(`${target}: no such file`)
    else if (anchor !== undefined && to.endsWith('.md')) {
      const text = to === path ? markdown : await readFile(join(root, to), 'utf8')
      if (!anchorsOf(text).has(anchor)) broken.push(`${target}: no such heading`)
    }
  }
  return broken
}
