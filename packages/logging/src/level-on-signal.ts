import { constants } from 'node:os'
import { requireOption } from './options.js'
import { type LeveledLogger, temporaryLevel } from './temporary-level.js'

/** So long that one can look at it, and short enough that a forgotten one fills no disk. */
const SECONDS = 300
/** Those that Node or the system keeps for itself: SIGUSR1 opens the debugger. */
const NOT_OURS = [
  'SIGUSR1',
  'SIGKILL',
  'SIGSTOP',
  'SIGPROF',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
]

/**
 * Turns `debug` on at a signal and off at the next; off by itself after five minutes. Where the system does not have the
 * signal (SIGUSR2 on Windows) nothing happens.
 *
 * @returns a function that stops listening to the signal.
 * @throws TypeError `ERR_LOGGING_OPTION` for a logger without a level, or a signal that cannot be handled.
 */
export function levelOnSignal(
  logger: LeveledLogger,
  signal: NodeJS.Signals = 'SIGUSR2',
): () => void {
  const level = temporaryLevel(logger)
  const isSignal = typeof signal === 'string' && /^SIG[A-Z0-9]+$/.test(signal)
  const remedy = 'a signal that a process can handle, such as SIGUSR2'
  requireOption(isSignal && !NOT_OURS.includes(signal), 'signal', remedy, signal)
  if (!(signal in constants.signals)) {
    requireOption(process.platform === 'win32', 'signal', remedy, signal)
    return () => {}
  }

  function toggle(): void {
    if (level.state().after !== undefined) level.end()
    else level.set('debug', SECONDS)
  }
  process.on(signal, toggle)
  return () => {
    process.off(signal, toggle)
  }
}
