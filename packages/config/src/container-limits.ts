import { readFileSync } from 'node:fs'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { controllerFolders } from './cgroup-folders.js'
import { wrongOption } from './errors.js'

export interface ContainerLimits {
  /** Bytes that the container may take of memory; missing where there is no limit below that of the machine. */
  memoryBytes?: number
  /** CPUs that it may use at once, such as 0.5; missing where there is no quota. */
  cpus?: number
  /** The version of the control groups that were found; missing where there are none, as on macOS. */
  cgroup?: 1 | 2
}

export interface ContainerLimitsOptions {
  /** Where `proc` and `sys` are looked up. @default '/' */
  root?: string
}

/**
 * Reads what the container may take: the smallest limit of its control group and of every parent that it sees, of
 * version 1 and 2. What cannot be read counts as no limit.
 *
 * @throws TypeError `ERR_CONFIG_OPTION` when `root` is no path.
 */
export function containerLimits(options: ContainerLimitsOptions = {}): ContainerLimits {
  const { root = '/' } = options
  if (typeof root !== 'string' || root === '') {
    throw wrongOption(`root of containerLimits() must be a path, got ${String(root)}`)
  }
  const read = (path: string) => textOf(join(root, path))
  const cgroup = read('/proc/self/cgroup')
  const mountinfo = read('/proc/self/mountinfo')
  const memory = controllerFolders('memory', cgroup, mountinfo)
  const cpu = controllerFolders('cpu', cgroup, mountinfo)
  const version = memory?.version ?? cpu?.version
  const memoryBytes = smallest(
    (memory?.folders ?? []).flatMap((folder) => memoryLimits(folder, memory?.version, read)),
  )
  const cpus = smallest((cpu?.folders ?? []).map((folder) => cpuQuota(folder, cpu?.version, read)))
  return {
    // No more than there is: the kernel says that there is no limit by a huge one.
    ...(memoryBytes <= memoryOf(read('/proc/meminfo')) && { memoryBytes }),
    ...(cpus < Number.POSITIVE_INFINITY && { cpus }),
    ...(version && { cgroup: version }),
  }
}

/**
 * CPUs to plan for: those that the process may run on, and no more than its quota, rounded down. Two busy processes on one and
 * a half would both stand still for a quarter of the time; the half is of use to garbage collection. At least 1.
 *
 * @throws TypeError `ERR_CONFIG_OPTION` when `root` is no path.
 */
export function availableCpus(options: ContainerLimitsOptions = {}): number {
  const { cpus = Number.POSITIVE_INFINITY } = containerLimits(options)
  return Math.max(1, Math.floor(Math.min(cpus, availableParallelism())))
}

type Read = (path: string) => string

/** `memory.high` does not kill, but stops whoever grows beyond it. */
function memoryLimits(folder: string, version: 1 | 2 | undefined, read: Read): number[] {
  if (version === 2)
    return ['memory.max', 'memory.high'].map((name) => size(read(`${folder}/${name}`)))
  // Has the parents' in it, also of those that cannot be seen.
  const stat = /^hierarchical_memory_limit (\d+)$/m.exec(read(`${folder}/memory.stat`))
  return [size(read(`${folder}/memory.limit_in_bytes`)), size(stat?.[1] ?? '')]
}

function cpuQuota(folder: string, version: 1 | 2 | undefined, read: Read): number {
  const [quota, period = '100000'] =
    version === 2
      ? read(`${folder}/cpu.max`).trim().split(' ')
      : [read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)]
  return size(quota ?? '') / size(period)
}

/** What limits nothing (`max`, -1, nothing at all) is as good as infinite. */
function size(text: string): number {
  const value = /^\d+$/.test(text.trim()) ? Number(text) : 0
  return value > 0 ? value : Number.POSITIVE_INFINITY
}

function smallest(values: readonly number[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...values.filter((value) => value > 0))
}

function memoryOf(meminfo: string): number {
  const kibibytes = /^MemTotal: +(\d+) kB$/m.exec(meminfo)?.[1]
  return kibibytes ? Number(kibibytes) * 1024 : totalmem()
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
