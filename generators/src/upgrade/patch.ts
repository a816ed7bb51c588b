import { createHash } from 'node:crypto'
import { formatPatch, OMIT_HEADERS, type StructuredPatch, structuredPatch } from 'diff'
import type { ProjectFile } from '../render.js'
import { binaryLiteral } from './binary.js'

/** A file before and after; one of them is missing for a file that is new or gone. */
export interface Change {
  path: string
  base?: ProjectFile
  next?: ProjectFile
}

const nothing = '0'.repeat(40)
const context = 3
/** Two texts with more lines to differ in are shown as one replaced by the other. */
const maxEdits = 2000

/**
 * One file's part of a patch as git writes it, with the whole ids of both contents: git finds the old one in the
 * project's history and merges by three.
 */
export function patchOf({ path, base, next }: Change): string {
  const a = quoted(`a/${path}`)
  const b = quoted(`b/${path}`)
  const head = [`diff --git ${a} ${b}`, ...modeLines(base, next)]
  const before = base?.content ?? Buffer.alloc(0)
  const after = next?.content ?? Buffer.alloc(0)
  const sameMode = base && next && gitMode(base) === gitMode(next) ? ` ${gitMode(next)}` : ''
  head.push(`index ${blobId(base)}..${blobId(next)}${sameMode}`)
  if (before.equals(after)) return `${head.join('\n')}\n`
  if (!isText(before) || !isText(after)) {
    return `${head.join('\n')}\nGIT binary patch\n${binaryLiteral(after)}`
  }
  head.push(`--- ${base ? a : '/dev/null'}`, `+++ ${next ? b : '/dev/null'}`)
  return `${head.join('\n')}\n${hunksOf(before.toString(), after.toString())}`
}

function modeLines(base?: ProjectFile, next?: ProjectFile): string[] {
  if (!base) return next ? [`new file mode ${gitMode(next)}`] : []
  if (!next) return [`deleted file mode ${gitMode(base)}`]
  return gitMode(base) === gitMode(next)
    ? []
    : [`old mode ${gitMode(base)}`, `new mode ${gitMode(next)}`]
}

export function gitMode({ mode }: ProjectFile): string {
  return mode & 0o100 ? '100755' : '100644'
}

/** The name git gives a content. */
export function blobId(file?: ProjectFile): string {
  if (!file) return nothing
  return createHash('sha1')
    .update(`blob ${file.content.length}\0`)
    .update(file.content)
    .digest('hex')
}

function isText(content: Buffer): boolean {
  return !content.includes(0) && Buffer.from(content.toString()).equals(content)
}

function hunksOf(before: string, after: string): string {
  const options = { context, maxEditLength: maxEdits }
  const patch = structuredPatch('', '', before, after, '', '', options) ?? replaced(before, after)
  return formatPatch(patch, OMIT_HEADERS)
}

function replaced(before: string, after: string): StructuredPatch {
  const gone = structuredPatch('', '', before, '')
  const come = structuredPatch('', '', '', after)
  const [old, young] = [gone.hunks[0], come.hunks[0]]
  const lines = [...(old?.lines ?? []), ...(young?.lines ?? [])]
  const range = {
    oldStart: 1,
    oldLines: old?.oldLines ?? 0,
    newStart: 1,
    newLines: young?.newLines ?? 0,
  }
  return { ...gone, hunks: [{ ...range, lines }] }
}

/** A path as git writes it: in quotes where it has anything but printable ASCII, or a quote or backslash. */
export function quoted(path: string): string {
  if (/^[\x20-\x7e]*$/.test(path) && !/["\\]/.test(path)) return path
  const written = (byte: number) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte < 0x20 || byte > 0x7e
      ? `\\${byte.toString(8).padStart(3, '0')}`
      : String.fromCharCode(byte)
  }
  return `"${[...Buffer.from(path)].map(written).join('')}"`
}
