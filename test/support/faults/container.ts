import { existsSync } from 'node:fs'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const MIB = 1024 * 1024
/** What node takes for its heap in a container of 256 MiB; where none can be made it is told. */
const HEAP_MIB = 128
const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'

/** A bound on a process's memory, past which the kernel kills it. */
export interface Container {
  /** Whether there is such a bound; else only node's heap has one. */
  isBound: boolean
  /** Starts a program within it. */
  wrapper: string[]
  nodeOptions: string[]
  /** Call it when the process has ended. */
  remove(): Promise<void>
}

/** The memory of a container of so many MiB: its control group, where this machine lets us make one. */
export async function container(name: string, mib: number): Promise<Container> {
  const folder = join(existsSync(V1) ? V1 : V2, `${name}-${process.pid}`)
  const limits = existsSync(V1)
    ? ['memory.limit_in_bytes', 'memory.memsw.limit_in_bytes']
    : ['memory.max', 'memory.swap.max']
  try {
    await mkdir(folder)
    const [most = '', withSwap = ''] = limits
    await writeFile(join(folder, most), String(mib * MIB))
    // With swap it would be slow instead of dead. Not every kernel counts it.
    await writeFile(join(folder, withSwap), existsSync(V1) ? String(mib * MIB) : '0').catch(
      () => {},
    )
    // One that does not keep the number bounds nothing.
    const kept = Number(await readFile(join(folder, most), 'utf8'))
    if (kept !== mib * MIB) throw new Error(`${most} is ${kept}`)
  } catch {
    await rmdir(folder).catch(() => {})
    const nodeOptions = [`--max-old-space-size=${HEAP_MIB}`]
    return { isBound: false, wrapper: [], nodeOptions, remove: async () => {} }
  }
  const script = 'echo $$ >"$0/cgroup.procs" && exec "$@"'
  return {
    isBound: true,
    wrapper: ['sh', '-c', script, folder],
    nodeOptions: [],
    remove: () => rmdir(folder),
  }
}
