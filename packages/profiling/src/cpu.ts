import { Session } from 'node:inspector/promises'
import { wait } from './wait.js'

/** Samples what the main thread runs, once a millisecond. A session of its own: a debugger may be open beside it. */
export async function recordCpu(seconds: number, signal: AbortSignal): Promise<string> {
  const session = new Session()
  session.connect()
  try {
    await session.post('Profiler.enable')
    await session.post('Profiler.start')
    await wait(seconds, signal)
    const { profile } = await session.post('Profiler.stop')
    return JSON.stringify(profile)
  } finally {
    // Stops the profiler too, if it still runs.
    session.disconnect()
  }
}
