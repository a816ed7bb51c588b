import { isAbsolute } from 'node:path'
import { MAX_FILE_BYTES, readSmallFile } from './read-file.js'
import { escaped } from './show.js'

export interface ConfigOptions {
  /** Where names are looked up; only own properties count. @default process.env */
  env?: Readonly<Record<string, string | undefined>>
  /** Reads the file that a `NAME_FILE` names, and throws with an errno as `code`. @default the file system */
  readFile?: (path: string) => Uint8Array | string
}

/** Where the text of a setting came from; without a text it is unset. */
export interface Found {
  origin: 'environment' | 'file' | 'none'
  text?: string
  /** How the file may be called in a message. */
  file?: string
}

export interface Unreadable {
  problem: string
  remedy: string
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** The text of `NAME`, or of the file that `NAME_FILE` names. What is empty counts as unset. */
export function find(name: string, secret: boolean, options: ConfigOptions): Found | Unreadable {
  const { env = process.env, readFile = (path) => readSmallFile(path).bytes } = options
  const direct = own(env, name)
  const path = own(env, `${name}_FILE`)
  if (direct && path) {
    return { problem: `${name} and ${name}_FILE are both set`, remedy: 'unset one of them' }
  }
  if (direct) return { origin: 'environment', text: direct }
  if (!path) return { origin: 'none' }
  // Whoever sets NAME_FILE to the secret itself must not find it in the log.
  const isPath = isAbsolute(path) || /^\.{1,2}[\\/]/.test(path)
  const file = secret && !isPath ? `that ${name}_FILE names` : `"${escaped(path, 200)}"`
  const content = contentOf(path, readFile)
  if (typeof content === 'string')
    return { origin: 'file', file, ...(content && { text: content }) }
  const { problem, remedy } = content
  return { problem: `the file ${file} ${problem}`, remedy: `${remedy}; ${name}_FILE takes a path` }
}

function own(env: Readonly<Record<string, string | undefined>>, name: string): string | undefined {
  return Object.hasOwn(env, name) ? env[name] : undefined
}

function contentOf(
  path: string,
  readFile: (path: string) => Uint8Array | string,
): string | Unreadable {
  let content: Uint8Array | string
  try {
    content = readFile(path)
  } catch (error) {
    return unreadable(error)
  }
  const bytes = Buffer.from(content)
  if (bytes.length > MAX_FILE_BYTES) {
    return { problem: `is larger than ${MAX_FILE_BYTES} bytes`, remedy: 'name the right file' }
  }
  try {
    const text = utf8.decode(bytes)
    if (!text.includes('\0')) return text.replace(/\r?\n$/, '')
  } catch {
    // Said below, without a byte of it.
  }
  return { problem: 'is not UTF-8 text', remedy: 'save it as UTF-8' }
}

/** No errno of the system's: the file can be read, but will never hold anything new. */
export const REPLACED = 'EREPLACED'

const REMEDIES = new Map([
  ['ENOENT', 'check the path and that the file is mounted'],
  ['EACCES', "let the server's user read it"],
  ['EISDIR', 'name a file, not a directory'],
  ['ETIMEDOUT', 'see whether its mount still answers'],
])

/** The errno that an error has as its `code`, or `unknown error`: anything else may be part of a secret. */
export function errnoOf(error: unknown): string {
  const code = String((error as { code?: unknown } | undefined)?.code)
  return /^E[A-Z0-9_]{1,30}$/.test(code) ? code : 'unknown error'
}

function unreadable(error: unknown): Unreadable {
  const errno = errnoOf(error)
  if (errno === REPLACED) {
    return {
      problem: 'was replaced where it is mounted from, and this mount keeps the old one',
      remedy: 'mount its folder, not the file alone',
    }
  }
  return {
    problem: `cannot be read (${errno})`,
    remedy: REMEDIES.get(errno) ?? 'name a readable file',
  }
}
