import { existsSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { missing } from './components.js'

const libraries = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .map((architecture) => join('/usr/lib', architecture, 'faketime/libfaketime.so.1'))
  .filter(existsSync)

/** Why no process can be given a clock of its own here, or undefined. */
export const noClock = () =>
  missing('libfaketime (Debian: faketime)', ['test', '-e', libraries[0] ?? '/no/libfaketime'])

/** A wall clock that one process sees, which can jump. The monotonic clock stays true, as in a real jump. */
export async function wallClock(folder: string) {
  const file = join(folder, 'clock')
  const set = async (offset: string) => {
    await writeFile(`${file}.next`, `${offset}\n`)
    // At once: half an offset would be another.
    await rename(`${file}.next`, file)
  }
  await set('+0')
  return {
    env: {
      LD_PRELOAD: libraries[0],
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      DONT_FAKE_MONOTONIC: '1',
    },
    /** So many hours from the true time. */
    jump: (hours: number) => set(`${hours < 0 ? '-' : '+'}${Math.abs(hours)}h`),
  }
}
