import { totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import { availableCpus, containerLimits } from '@mcp-prod/config'
import type { Logger } from '@mcp-prod/logging'
import { hasHeapFlag, machineProblems, planWorkers } from '@mcp-prod/workers'

/** What there is to share: of the container, or of the machine where it has no limit. */
export function machine() {
  return { memoryBytes: containerLimits().memoryBytes ?? totalmem(), cpus: availableCpus() }
}

/** What each worker gets; who sets NODE_OPTIONS or UV_THREADPOOL_SIZE knows better. */
export function shareOf(workers: number) {
  const { flags, threads } = planWorkers(workers, machine())
  return {
    flags: hasHeapFlag() ? [] : flags,
    threadPoolSize: process.env.UV_THREADPOOL_SIZE ?? String(threads),
  }
}

/** `auto`, or a number of processes. */
export function workerCount(text: string): number {
  if (text === 'auto') return planWorkers('auto', machine()).count
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count < 1 || count > 256) throw new Error('it is neither auto nor a number from 1 to 256')
  return count
}

/** Says once what the process believes of its machine, and what of it does not fit together. */
export function tellResources(logger: Logger, workers: number): void {
  const { memoryBytes: memoryLimitBytes, cpus: cpuQuota, cgroup } = containerLimits()
  const { heapBytes } = planWorkers(workers, machine())
  const isShared = workers > 1 && !hasHeapFlag()
  const heapLimitBytes = isShared ? heapBytes : getHeapStatistics().heap_size_limit
  const threadPoolSize = process.env.UV_THREADPOOL_SIZE
  logger.info('resources', {
    cpus: machine().cpus,
    ...{ cpuQuota, memoryLimitBytes, heapLimitBytes, cgroup, workers },
    threads: threadPoolSize ?? (workers > 1 ? shareOf(workers).threadPoolSize : '4'),
  })
  const setting = { count: workers, heapLimitBytes, threadPoolSize }
  for (const { problem, remedy } of machineProblems(machine(), setting))
    logger.warn('resources do not fit', { problem, remedy })
}
