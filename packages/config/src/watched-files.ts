import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { readSmallFile, readSmallFileAsync } from './read-file.js'
import { type ConfigOptions, errnoOf } from './source.js'

/** What was found in a file when it was last read, or why it could not be. */
type Content = { bytes: Buffer } | { errno: string }

interface Found {
  content: Content
  /** By what a change shows without reading; unset while only reading can tell. */
  mark?: string | undefined
}

interface WatchedFile extends Found {
  absolute: string
}

/** How long a mount may leave one file unanswered, in milliseconds. */
const DEADLINE_MS = 10_000
/** A file that changed less than this many nanoseconds ago may change again without a trace in its times. */
const COARSEST_CLOCK_NS = 2_000_000_000n

/** Remembers the content of every file that `read` was asked for, and finds out when it becomes another one. */
export function watchedFiles(custom: ConfigOptions['readFile']) {
  const files = new Map<string, WatchedFile>()
  let stuck = false

  /** As `ConfigOptions.readFile`: what was found last, read on the first call. */
  function read(path: string): Uint8Array {
    let file = files.get(path)
    if (!file) {
      // A later chdir() must not lead to another file.
      file = { absolute: resolve(path), content: contentBy(() => (custom ?? readSmallFile)(path)) }
      files.set(path, file)
    }
    const { content } = file
    if ('bytes' in content) return content.bytes
    throw Object.assign(new Error(content.errno), { code: content.errno })
  }

  /** Looks at every file; says whether any holds something else than before. */
  async function look(): Promise<boolean> {
    let changed = false
    // One after another, and none while one hangs: a dead mount then holds one thread of Node's pool, not all of them.
    for (const [path, file] of files) {
      if (stuck) break
      const found = custom ? { content: contentBy(() => custom(path)) } : await ask(file)
      changed ||= !same(found.content, file.content)
      Object.assign(file, { mark: undefined }, found)
    }
    return changed
  }

  async function ask(file: WatchedFile): Promise<Found> {
    const answer = lookAt(file)
    const found = await withDeadline(answer)
    if (found) return found
    stuck = true
    void answer.then(() => {
      stuck = false
    })
    return { content: { errno: 'ETIMEDOUT' } }
  }

  return { read, look, count: () => files.size }
}

/** Never rejects. */
async function lookAt({ absolute, content, mark }: WatchedFile): Promise<Found> {
  try {
    // Not lstat: Kubernetes leaves the link as it is and changes where a link on its way leads to.
    if (mark && mark === markOf(await stat(absolute, { bigint: true }))) return { content, mark }
    const { bytes, stats } = await readSmallFileAsync(absolute)
    const ageNs = BigInt(Date.now()) * 1_000_000n - stats.ctimeNs
    const settled = ageNs > COARSEST_CLOCK_NS
    return { content: { bytes: Buffer.from(bytes) }, mark: settled ? markOf(stats) : undefined }
  } catch (error) {
    // Without a mark, as what failed may succeed the next time although the file stays as it is.
    return { content: { errno: errnoOf(error) } }
  }
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

function markOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join()
}

function contentBy(read: () => Uint8Array | string): Content {
  try {
    return { bytes: Buffer.from(read()) }
  } catch (error) {
    return { errno: errnoOf(error) }
  }
}

function same(a: Content, b: Content): boolean {
  if ('bytes' in a) return 'bytes' in b && a.bytes.equals(b.bytes)
  return 'errno' in b && a.errno === b.errno
}
