import { Session } from 'node:inspector/promises'
import { Refusal } from './refusal.js'
import { wait } from './wait.js'

/** Samples allocations, and tells which of them are still held at the end. */
export async function recordHeap(seconds: number, signal: AbortSignal): Promise<string> {
  const session = new Session()
  session.connect()
  try {
    // V8 has one sampler: ending ours would end that of a debugger.
    const isTaken = await session.post('HeapProfiler.getSamplingProfile').then(
      () => true,
      () => false,
    )
    if (isTaken) throw new Refusal(409, 'a debugger is sampling the heap; only one can')
    await session.post('HeapProfiler.startSampling')
    await wait(seconds, signal)
    const { profile } = await session.post('HeapProfiler.stopSampling')
    return JSON.stringify(profile)
  } finally {
    session.disconnect()
  }
}
