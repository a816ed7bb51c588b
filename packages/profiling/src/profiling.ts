import { type Request, Router } from 'express'
import { recordCpu } from './cpu.js'
import { reportEventLoop } from './event-loop.js'
import { recordHeap } from './heap-sampling.js'
import { takeHeapSnapshot } from './heap-snapshot.js'
import { requireOption, requireWhole } from './options.js'
import { requireToken } from './require-token.js'
import { noSeconds, secondsOf } from './seconds.js'
import { type ProfileEvent, use } from './use.js'

export interface ProfilingOptions {
  /** What a caller must send as `Authorization: Bearer`, at least 16 visible ASCII characters. There is no default. */
  token: string
  /** The longest profile in seconds, up to 300. @default 30 */
  maxSeconds?: number
  /** Bytes of heap in use above which no snapshot is taken. @default 536_870_912 (512 MiB) */
  maxHeapBytes?: number
  /**
   * No snapshot is taken while less memory than so many times the heap in use is available, the container's limit considered.
   * 0 turns it off. @default 5
   */
  snapshotMemoryFactor?: number
  /** Bytes of the largest profile that is sent. @default 1_073_741_824 (1 GiB) */
  maxBytes?: number
  /** Seconds a client has to read a profile, from when it is ready; then the connection is closed. @default 60 */
  sendSeconds?: number
  /** Told of each use by someone with the token when it has ended: for the audit. */
  onProfile?: (event: ProfileEvent, req: Request) => void
  /** Told of each request without the token: for the audit. */
  onRefused?: (req: Request) => void
}

/**
 * Profiles of the running process: `/cpu`, `/heap-sampling`, `/heap-snapshot` and `/event-loop`, for a private port. One at a time,
 * bounded in time and size, and only for who has the token.
 *
 * @throws TypeError `ERR_PROFILING_OPTION` without a token, for one that is too short, and for a wrong option.
 */
export function profiling(options: ProfilingOptions): Router {
  const { token, maxSeconds = 30, maxHeapBytes = 512 * 1_048_576, onProfile } = options ?? {}
  const { maxBytes = 1024 * 1_048_576, sendSeconds = 60, snapshotMemoryFactor = 5 } = options ?? {}
  const guard = requireToken(token, { onRefused: options?.onRefused })
  requireWhole('maxSeconds', maxSeconds, 'seconds', 300)
  requireWhole('maxHeapBytes', maxHeapBytes, 'bytes', Number.MAX_SAFE_INTEGER)
  requireWhole('maxBytes', maxBytes, 'bytes', Number.MAX_SAFE_INTEGER)
  requireWhole('sendSeconds', sendSeconds, 'seconds', 3600)
  const isFactor = Number.isFinite(snapshotMemoryFactor) && snapshotMemoryFactor >= 0
  requireOption(isFactor, 'snapshotMemoryFactor', 'a number from 0', String(snapshotMemoryFactor))
  const isHook = onProfile === undefined || typeof onProfile === 'function'
  requireOption(isHook, 'onProfile', 'a function', typeof onProfile)

  const limits = { maxBytes, sendSeconds, onProfile }
  const snapshotLimits = { maxHeapBytes, memoryFactor: snapshotMemoryFactor, maxBytes }
  const seconds = (req: Request) => secondsOf(req, maxSeconds)
  const snapshot = () => takeHeapSnapshot(snapshotLimits)
  const uses = [
    { kind: 'cpu', extension: 'cpuprofile', secondsOf: seconds, record: recordCpu },
    { kind: 'heap-sampling', extension: 'heapprofile', secondsOf: seconds, record: recordHeap },
    { kind: 'heap-snapshot', extension: 'heapsnapshot', secondsOf: noSeconds, record: snapshot },
    { kind: 'event-loop', extension: 'json', secondsOf: seconds, record: reportEventLoop },
  ] as const

  const router = Router()
  router.use(guard)
  for (const one of uses) router.all(`/${one.kind}`, use(one, limits))
  return router
}
