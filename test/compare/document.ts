import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from '../support/command.js'
import { contestants } from './contestants.js'
import { pinsOf } from './table.js'

const file = join(root, 'docs', 'comparison.md')
const BEGIN = '<!-- compare:begin, written by npm run compare -->'
const END = '<!-- compare:end -->'

/** Puts what was measured between the page's two markers. */
export async function writePage(measured: string): Promise<void> {
  const { before, after } = await parts()
  await writeFile(file, `${before}${BEGIN}\n\n${measured}\n\n${END}${after}`)
}

/** Which pins the page does not show, and which versions on it are pinned no more. */
export async function differences(): Promise<string[]> {
  const { measured } = await parts()
  const pinned = new Set(contestants.flatMap((contestant) => [...versions(pinsOf(contestant))]))
  const shown = new Set(versions(measured))
  return [
    ...[...pinned].filter((pin) => !shown.has(pin)).map((pin) => `${pin} is pinned, not measured`),
    ...[...shown].filter((pin) => !pinned.has(pin)).map((pin) => `${pin} is measured, not pinned`),
  ]
}

function versions(text: string): string[] {
  return [...text.matchAll(/`(@?[\w./-]+@\d[\w.+-]*)`/g)].flatMap(([, pin]) => pin ?? [])
}

async function parts() {
  const text = await readFile(file, 'utf8')
  const [before, rest] = text.split(BEGIN)
  const [measured, after] = rest?.split(END) ?? []
  if (before === undefined || measured === undefined || after === undefined) {
    throw new Error(`docs/comparison.md: no ${BEGIN} before ${END}; put both back`)
  }
  return { before, measured, after }
}
