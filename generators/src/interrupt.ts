import { CliError } from './errors.js'

/**
 * Aborts on Ctrl-C and on a request to end. The handlers stay: a second signal must not cut short the removal
 * of what was made.
 */
export function interruption(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new CliError('interrupted: nothing was written', 130)))
  }
  return controller.signal
}
