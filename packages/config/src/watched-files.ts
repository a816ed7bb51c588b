import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readSmallFile, readSmallFileAsync, type SmallFile } from './read-file.js'
import { type ConfigOptions, errnoOf, REPLACED } from './source.js'

/** What was found in a file when it was last read, or why it could not be. */
type Content = { bytes: Buffer } | { errno: string }

interface Found {
  content: Content
  /** By what a change shows without reading; unset while only reading can tell. */
  mark?: string | undefined
  /** The file system that it was last read from. */
  device?: bigint
  /** Whether it had a name then. */
  isLinked?: boolean
}

interface WatchedFile extends Found {
  absolute: string
}

/** How long a mount may leave one file unanswered, in milliseconds. */
const DEADLINE_MS = 10_000
/** A file that changed less than this many nanoseconds ago may change again without a trace in its times. */
const COARSEST_CLOCK_NS = 2_000_000_000n

/** Looks that may hang at a time: one thread of Node's pool must be left to the rest of the process. */
const MAX_HANGING = Math.max(1, Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) - 1 || 0)

/** Remembers the content of every file that `read` was asked for, and finds out when it becomes another one. */
export function watchedFiles(custom: ConfigOptions['readFile']) {
  const files = new Map<string, WatchedFile>()
  const hanging = new Set<WatchedFile>()

  /** As `ConfigOptions.readFile`: what was found last, read on the first call. */
  function read(path: string): Uint8Array {
    let file = files.get(path)
    if (!file) {
      // A later chdir() must not lead to another file.
      file = { absolute: resolve(path), ...foundBy(() => askNow(path)) }
      files.set(path, file)
    }
    const { content } = file
    if ('bytes' in content) return content.bytes
    throw Object.assign(new Error(content.errno), { code: content.errno })
  }

  /** Looks at every file that can be looked at; says whether any holds something else than before. */
  async function look(): Promise<boolean> {
    let changed = false
    // One after another: what hangs then takes one thread of Node's pool at a time.
    for (const [path, file] of files) {
      if (mustRest(file)) continue
      const found = custom ? foundBy(() => askNow(path)) : await ask(file)
      changed ||= !same(found.content, file.content)
      Object.assign(file, { mark: undefined }, found)
    }
    return changed
  }

  function askNow(path: string): Found {
    return custom ? { content: { bytes: Buffer.from(custom(path)) } } : foundIn(readSmallFile(path))
  }

  /** A dead mount must neither take all threads nor keep a key alive that was revoked in a file elsewhere. */
  function mustRest(file: WatchedFile): boolean {
    if (hanging.has(file) || hanging.size >= MAX_HANGING) return true
    // The first that hangs may be alone with it; at the second it is the file system.
    return hanging.size > 1 && [...hanging].some(({ device }) => device === file.device)
  }

  async function ask(file: WatchedFile): Promise<Found> {
    const answer = lookAt(file)
    const found = await withDeadline(answer)
    if (found) return found
    hanging.add(file)
    void answer.then(() => hanging.delete(file))
    return { content: { errno: 'ETIMEDOUT' } }
  }

  return { read, look, count: () => files.size }
}

/** Never rejects. */
async function lookAt({ absolute, content, mark, isLinked }: WatchedFile): Promise<Found> {
  try {
    // Not lstat: Kubernetes leaves the link as it is and changes where a link on its way leads to.
    if (mark && mark === markOf(await stat(absolute, { bigint: true }))) return { content, mark }
    const file = await readSmallFileAsync(absolute)
    // A file that lost its name is kept by what mounts it alone. Asked again, as it may have been replaced just then; and
    // only of one that had a name, as some file systems say of none that it has.
    if (isLinked && !hasName(file.stats) && !hasName(await stat(absolute, { bigint: true })))
      return { content: { errno: REPLACED } }
    return foundIn(file)
  } catch (error) {
    // Without a mark, as what failed may succeed the next time although the file stays as it is.
    return { content: { errno: errnoOf(error) } }
  }
}

function foundIn({ bytes, stats }: SmallFile): Found {
  const ageNs = BigInt(Date.now()) * 1_000_000n - stats.ctimeNs
  const settled = ageNs > COARSEST_CLOCK_NS
  return {
    // A copy, as the bytes are part of a buffer of the greatest size.
    content: { bytes: Buffer.from(bytes) },
    mark: settled ? markOf(stats) : undefined,
    device: stats.dev,
    isLinked: hasName(stats),
  }
}

function hasName({ nlink }: BigIntStats): boolean {
  return nlink > 0n
}

/** Undefined when the deadline passes first. */
async function withDeadline<T>(answer: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, DEADLINE_MS, undefined).unref()
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

function markOf({ dev, ino, nlink, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, nlink, size, mtimeNs, ctimeNs].join()
}

function foundBy(ask: () => Found): Found {
  try {
    return ask()
  } catch (error) {
    return { content: { errno: errnoOf(error) } }
  }
}

function same(a: Content, b: Content): boolean {
  if ('bytes' in a) return 'bytes' in b && a.bytes.equals(b.bytes)
  return 'errno' in b && a.errno === b.errno
}
