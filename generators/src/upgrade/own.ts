import { constants } from 'node:fs'
import { lstat, open } from 'node:fs/promises'
import { join } from 'node:path'
import { CliError, reason, shown } from '../errors.js'
import type { ProjectFile } from '../render.js'
import { gitMode } from './patch.js'

type Own = { kind: 'missing' | 'large' | 'link' } | ({ kind: 'file' } & ProjectFile)

/** What stands in the project where the template has a file; `link` for whatever is not a file there. */
export type State = 'missing' | 'link' | 'base' | 'next' | 'changed'

/** A file of the user's, read without following a link, and not beyond `maxBytes`. */
export async function readOwn(root: string, path: string, maxBytes: number): Promise<Own> {
  try {
    const parts = path.split('/')
    for (const index of parts.keys()) {
      const entry = await lstat(join(root, ...parts.slice(0, index + 1)))
      const isLast = index === parts.length - 1
      if (isLast ? !entry.isFile() : !entry.isDirectory()) return { kind: 'link' }
    }
    return await readBounded(join(root, path), maxBytes)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
    if (code === 'ELOOP') return { kind: 'link' }
    throw new CliError(`cannot read ${shown(join(root, path))}: ${reason(error)}`)
  }
}

async function readBounded(path: string, maxBytes: number): Promise<Own> {
  // Whoever puts a link or a pipe in its place meanwhile gets neither followed nor waited for.
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    const status = await handle.stat()
    if (!status.isFile()) return { kind: 'link' }
    if (status.size > maxBytes) return { kind: 'large' }
    return { kind: 'file', content: await handle.readFile(), mode: status.mode }
  } finally {
    await handle.close()
  }
}

/** Whether the user's file is as the old template wrote it, as the new one would, or neither. */
export async function stateOf(
  root: string,
  path: string,
  base?: ProjectFile,
  next?: ProjectFile,
): Promise<State> {
  // A checkout with CRLF has at most twice the bytes; what has more is not the same.
  const longest = Math.max(base?.content.length ?? 0, next?.content.length ?? 0)
  const own = await readOwn(root, path, 2 * longest)
  if (own.kind === 'large') return 'changed'
  if (own.kind !== 'file') return own.kind
  if (next && hasText(own, next) && gitMode(own) === gitMode(next)) return 'next'
  return base && hasText(own, base) ? 'base' : 'changed'
}

/** As in a checkout where git writes CRLF, too. */
function hasText(own: ProjectFile, { content }: ProjectFile): boolean {
  if (own.content.equals(content)) return true
  const unix = own.content.toString('latin1').replaceAll('\r\n', '\n')
  return own.content.includes('\r\n') && unix === content.toString('latin1')
}
