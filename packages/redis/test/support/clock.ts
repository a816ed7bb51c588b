import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { faketime } from './components.js'

/** A wall clock that one process sees. The monotonic clock stays true, as when a real one is set. */
export async function wallClock(folder: string) {
  const file = join(folder, 'clock')
  async function set(text: string) {
    await writeFile(`${file}.next`, `${text}\n`)
    // At once: half a time would be another.
    await rename(`${file}.next`, file)
  }
  await set('+0')
  return {
    env: {
      // Before jemalloc, which asks for the time while libfaketime asks it for memory.
      LD_PRELOAD: `${faketime} libc.so.6`,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
    /** So many seconds from the true time. */
    shift: (seconds: number) => set(`${seconds < 0 ? '-' : '+'}${Math.abs(seconds)}`),
    /** Stands still at this second. */
    freeze: (seconds: number) =>
      set(new Date(seconds * 1000).toISOString().replace('T', ' ').slice(0, 19)),
  }
}
