import { requireOption, requireWhole } from './options.js'

const MiB = 1024 * 1024
/** What the primary takes, which serves no calls. */
const PRIMARY_BYTES = 96 * MiB
/** Below this a worker has no room for a heap beside what Node itself needs. */
const LEAST_SHARE_BYTES = 128 * MiB
/** More would be no worker to a CPU. */
const MOST_WORKERS = 256
/** What libuv has by default, and what it takes at the most. */
const THREADS = { default: 4, most: 1024 }

/** What there is to share. */
export interface Machine {
  /** Bytes of the container's limit, or of the machine. */
  memoryBytes: number
  /** CPUs to plan for: whole ones, 1 at least. */
  cpus: number
}

/** How it is shared. */
export interface WorkerPlan {
  count: number
  /** Bytes that the old generation of each worker's heap may take: half of its memory, as V8 takes it of larger containers. */
  heapBytes: number
  /** The flags of Node that bound the heap so. */
  flags: string[]
  /** libuv threads of each: they wait for DNS and files more than they compute, so never less than libuv's own 4. */
  threads: number
}

/** One thing that does not fit, and what to do about it. */
export interface MachineProblem {
  problem: string
  remedy: string
}

/**
 * Shares a machine among workers. `auto` is a worker for each CPU, but no more than the memory has room for.
 *
 * @throws TypeError `ERR_WORKERS_OPTION` for a wrong number of workers, CPUs or bytes.
 */
export function planWorkers(wanted: 'auto' | number, { memoryBytes, cpus }: Machine): WorkerPlan {
  if (wanted !== 'auto')
    requireWhole('the number of workers', wanted, [1, MOST_WORKERS], 'processes')
  requireWhole('cpus', cpus, [1, 100_000], 'CPUs')
  requireOption(memoryBytes > 0, 'memoryBytes', 'a number of bytes above 0', memoryBytes)
  const fitting = Math.floor((memoryBytes - PRIMARY_BYTES) / LEAST_SHARE_BYTES)
  const automatic = Math.max(1, Math.min(cpus, fitting, MOST_WORKERS))
  const count = wanted === 'auto' ? automatic : wanted
  const share = count === 1 ? memoryBytes : Math.max(0, memoryBytes - PRIMARY_BYTES) / count
  const heapMiB = Math.max(16, Math.floor(share / 2 / MiB))
  // The new generation has three of them, which V8 would size for a process that is alone in the container.
  const semiSpaceMiB = Math.min(16, Math.max(1, Math.floor(heapMiB / 32)))
  return {
    count,
    heapBytes: heapMiB * MiB,
    flags: [`--max-old-space-size=${heapMiB}`, `--max-semi-space-size=${semiSpaceMiB}`],
    threads: Math.min(THREADS.most, Math.max(THREADS.default, Math.floor(cpus / count))),
  }
}

interface Setting {
  count: number
  /** What V8 may take in this process. */
  heapLimitBytes: number
  /** `UV_THREADPOOL_SIZE` as it is set. */
  threadPoolSize?: string | undefined
}

/** What of this does not fit together, to be told at the start. */
export function machineProblems(
  { memoryBytes, cpus }: Machine,
  { count, heapLimitBytes, threadPoolSize }: Setting,
): MachineProblem[] {
  const problems: MachineProblem[] = []
  const { heapBytes } = planWorkers(count, { memoryBytes, cpus })
  const megabytes = (bytes: number) => Math.floor(bytes / MiB)
  if (heapLimitBytes * count > memoryBytes * 0.9) {
    const heaps = count === 1 ? 'the heap' : `the heaps of ${count} workers`
    problems.push({
      problem: `${heaps} may grow to ${megabytes(heapLimitBytes * count)} MiB of ${megabytes(memoryBytes)} MiB of memory: the kernel would kill before V8 collects`,
      remedy: `set NODE_OPTIONS=--max-old-space-size=${megabytes(heapBytes)}, or give more memory`,
    })
  }
  if (count > 1 && memoryBytes < PRIMARY_BYTES + count * LEAST_SHARE_BYTES) {
    problems.push({
      problem: `${megabytes(memoryBytes)} MiB of memory are little for ${count} workers`,
      remedy: `give ${megabytes(PRIMARY_BYTES + count * LEAST_SHARE_BYTES)} MiB or more, or have fewer workers`,
    })
  }
  if (count > cpus) {
    problems.push({
      problem: `${count} workers share ${cpus} CPU${cpus === 1 ? '' : 's'}, and slow each other down`,
      remedy: 'have one worker for each whole CPU, or `auto`',
    })
  }
  const isSize =
    /^[1-9]\d*$/.test(threadPoolSize ?? '1') && Number(threadPoolSize ?? 1) <= THREADS.most
  if (!isSize) {
    problems.push({
      problem: `UV_THREADPOOL_SIZE is ${JSON.stringify(threadPoolSize)}, which libuv takes for another number`,
      remedy: `set a whole number from 1 to ${THREADS.most}, or leave it out for ${THREADS.default}`,
    })
  }
  return problems
}
