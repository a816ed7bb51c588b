import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'

/** Largest file that is taken for a setting, in bytes. */
export const MAX_FILE_BYTES = 1_048_576

// Without O_NONBLOCK the start would hang on a pipe that nobody writes to.
const READ = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)

export interface SmallFile {
  bytes: Uint8Array
  /** What the system knew of the file before the first byte was read. */
  stats: BigIntStats
}

/** Reads a file, one byte more than allowed at the most. @throws Error with an errno, or `ENOTFILE`, as `code`. */
export function readSmallFile(path: string): SmallFile {
  const file = openSync(path, READ)
  try {
    const stats = fstatSync(file, { bigint: true })
    checkKind(stats)
    // The size it states may be wrong: files under /proc say 0, others grow.
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    return { bytes: bytes.subarray(0, length), stats }
  } finally {
    closeSync(file)
  }
}

/** The same while the process goes on. */
export async function readSmallFileAsync(path: string): Promise<SmallFile> {
  const file = await open(path, READ)
  try {
    const stats = await file.stat({ bigint: true })
    checkKind(stats)
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = (await file.read(bytes, length, bytes.length - length, null)).bytesRead
    }
    return { bytes: bytes.subarray(0, length), stats }
  } finally {
    await file.close()
  }
}

function checkKind(stats: { isFile(): boolean; isDirectory(): boolean }): void {
  if (stats.isDirectory()) throw withCode('EISDIR')
  if (!stats.isFile()) throw withCode('ENOTFILE')
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code })
}
