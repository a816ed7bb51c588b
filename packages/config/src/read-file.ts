import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** Largest file that is taken for a setting, in bytes. */
export const MAX_FILE_BYTES = 1_048_576

/** Reads a file, one byte more than allowed at the most. @throws Error with an errno, or `ENOTFILE`, as `code`. */
export function readSmallFile(path: string): Uint8Array {
  // Without O_NONBLOCK the start would hang on a pipe that nobody writes to.
  const file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
  try {
    const stat = fstatSync(file)
    if (stat.isDirectory()) throw withCode('EISDIR')
    if (!stat.isFile()) throw withCode('ENOTFILE')
    // The size it states may be wrong: files under /proc say 0, others grow.
    const bytes = Buffer.alloc(MAX_FILE_BYTES + 1)
    let length = 0
    for (let read = -1; read !== 0 && length < bytes.length; length += read) {
      read = readSync(file, bytes, length, bytes.length - length, null)
    }
    return bytes.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function withCode(code: string): Error {
  return Object.assign(new Error(code), { code })
}
