import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { missing } from './components.js'

const isRoot = process.getuid?.() === 0
/** A user namespace of its own lets everybody else mount too. */
const unshare = ['unshare', isRoot ? '-m' : '-Urm']

/** Why no disk can be mounted here, or undefined. */
export const noMounts = () =>
  missing('a mount namespace', [...unshare, 'mount', '-t', 'tmpfs', 'tmpfs', '/tmp'])

export interface SmallDisk {
  /** Starts a program with its stdout in a file on the disk; both are gone with the program. */
  wrapper: string[]
  /** Path of a file on the disk, seen from outside the program's mount namespace. */
  path(pid: number, file: string): string
}

/** A disk of so many KiB that only the program sees which is started with it. */
export async function smallDisk(folder: string, kib: number): Promise<SmallDisk> {
  const mountPoint = join(folder, 'small-disk')
  await mkdir(mountPoint, { recursive: true })
  const script = `mount -t tmpfs -o size=${kib}k tmpfs "$0" && exec "$@" >>"$0/log"`
  return {
    wrapper: [...unshare, 'sh', '-c', script, mountPoint],
    path: (pid, file) => join(`/proc/${pid}/root`, mountPoint, file),
  }
}
