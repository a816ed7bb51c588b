import { CliError } from './errors.js'

/**
 * What a person answers, or their leave: the answers of a prompt never come after Ctrl-C, Ctrl-D or the end of the
 * terminal.
 *
 * @throws the signal's reason when it aborts, CliError (130) when the input ends.
 */
export async function asked<T>(answers: Promise<T>, signal: AbortSignal): Promise<T> {
  let forget = () => {}
  const left = new Promise<never>((_, reject) => {
    const aborted = () => reject(signal.reason)
    const ended = () => reject(new CliError('left at a prompt: nothing was written', 130))
    signal.addEventListener('abort', aborted)
    process.once('beforeExit', ended)
    forget = () => {
      signal.removeEventListener('abort', aborted)
      process.removeListener('beforeExit', ended)
    }
  })
  try {
    return await Promise.race([answers, left])
  } finally {
    forget()
  }
}
