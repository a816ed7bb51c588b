import { getHeapStatistics } from 'node:v8'
import { requireOption } from './options.js'

const HEAP_FLAG = /--max[-_](?:old[-_]space|heap)[-_]size/
/** Says that the flag on the command line is ours. */
const BOUND = 'MCP_HEAP_BOUND'
/** The rest is for all that is not heap. */
const MOST_OF_MEMORY = 0.75

/**
 * Holds the heap of this process below the container's memory. V8 takes half of it, but never less than 256 MiB: in a container
 * of 256 MiB the kernel kills before V8 collects. A heap cannot be bound after the start, so the program is started anew in the
 * same process, with `--max-old-space-size`, where Node can do that (22.15 and newer); call it before anything else. What
 * `NODE_OPTIONS` or the command line say wins.
 *
 * @param flags those of `planWorkers`
 * @throws TypeError `ERR_WORKERS_OPTION` when `memoryBytes` is no number above 0, or `flags` no list.
 */
export function boundHeap(memoryBytes: number | undefined, flags: readonly string[]): void {
  const isLimit = memoryBytes === undefined || memoryBytes > 0
  requireOption(isLimit, 'memoryBytes', 'a number of bytes above 0, or undefined', memoryBytes)
  requireOption(Array.isArray(flags), 'flags', 'a list of flags', flags)
  const limit = getHeapStatistics().heap_size_limit
  const fits = memoryBytes === undefined || limit <= memoryBytes * MOST_OF_MEMORY
  // Whoever holds a channel to this process would lose it.
  if (fits || hasHeapFlag() || process.env[BOUND] || process.channel) return
  const { execve } = process as { execve?: (file: string, args: string[], env: object) => never }
  const args = [process.execPath, ...process.execArgv, ...flags, ...process.argv.slice(1)]
  try {
    execve?.(process.execPath, args, { ...process.env, [BOUND]: '1' })
  } catch {
    // Not on this system: then `machineProblems` tells of it.
  }
}

/** Whether somebody, other than `boundHeap`, has said how large the heap may be. */
export function hasHeapFlag(): boolean {
  const { NODE_OPTIONS = '', [BOUND]: isBound } = process.env
  return HEAP_FLAG.test([NODE_OPTIONS, ...(isBound ? [] : process.execArgv)].join(' '))
}
