import { fstatSync, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

const NEWLINE = 10

/**
 * The file that stdout or stderr is, if it is one. Node's own stream of it takes a short write, as at the end of a disk, for a
 * whole one, and tells nobody what is missing.
 */
export function fileOf(stream: Writable): number | undefined {
  if (stream !== process.stdout && stream !== process.stderr) return undefined
  const { fd } = stream as { fd?: unknown }
  try {
    // A thread's has none. `bigint`, for after a plain fstat of a pipe `require` no longer follows links (nodejs/node#51142).
    return typeof fd === 'number' && fstatSync(fd, { bigint: true }).isFile() ? fd : undefined
  } catch {
    // Closed: what Node puts in its place takes everything.
    return undefined
  }
}

/** Writes until the text is written, or a write fails: then it returns how many of its lines did not arrive. */
export function writeWhole(fd: number, text: string): number | undefined {
  const bytes = Buffer.from(text)
  let done = 0
  try {
    while (done < bytes.length) done += writeSync(fd, bytes, done)
  } catch {
    // A line that lacks only its newline is there: the sink that writes next begins with one.
    const rest = bytes.subarray(done > 0 ? done + 1 : 0)
    return rest.filter((byte) => byte === NEWLINE).length
  }
  return undefined
}
