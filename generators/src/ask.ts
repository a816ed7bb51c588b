import { basename, resolve } from 'node:path'
import nodePlop from 'node-plop'
import { CliError } from './errors.js'
import type { Given } from './options.js'
import plopfile, { questionNames } from './plopfile.js'
import { inspectTarget } from './target.js'

/**
 * Asks for what no flag says, in the terminal.
 *
 * @throws the signal's reason when it aborts, CliError (130) when the input ends.
 */
export async function ask(given: Given, from: string, signal: AbortSignal): Promise<Given> {
  const plop = await nodePlop()
  plopfile(plop, {
    directoryProblem: async (directory) =>
      directory.startsWith('~')
        ? 'no shell expands ~ here: write the path out'
        : problemOf(resolve(from, directory)),
    nameFor: (directory) => basename(resolve(from, directory ?? given.directory)),
  })
  const bypass = questionNames().map((name) => bypassOf(given[name as keyof Given]))
  const answers = plop.getGenerator('server').runPrompts(bypass) as Promise<Partial<Given>>
  return { ...given, ...(await Promise.race([answers, ended(signal)])) }
}

/** plop's sign for "ask" is an underscore; a given value is text. */
function bypassOf(value: unknown): string {
  return value === undefined ? '_' : String(value)
}

async function problemOf(path: string): Promise<string | undefined> {
  try {
    await inspectTarget(path)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** The prompt's promise never settles when the user leaves with Ctrl-C or Ctrl-D. */
function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    process.once('beforeExit', () =>
      reject(new CliError('left at a prompt: nothing was written', 130)),
    )
  })
}
