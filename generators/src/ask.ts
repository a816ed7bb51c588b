import { basename, resolve } from 'node:path'
import nodePlop from 'node-plop'
import { askInLines } from './ask-in-lines.js'
import { askOnScreen } from './ask-on-screen.js'
import { directoryMistake } from './directory-mistake.js'
import type { Given } from './options.js'
import plopfile, { type Question } from './plopfile.js'
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
      directoryMistake(directory) ?? (await problemOf(resolve(from, directory))),
    nameFor: (directory) => basename(resolve(from, directory ?? given.directory ?? '')),
  })
  const all = plop.getGenerator('server').prompts as Question[]
  const open = all.filter(({ name }) => given[name as keyof Given] === undefined)
  // There the cursor cannot be moved.
  const inLines = process.env.TERM === 'dumb'
  const answers = await (inLines ? askInLines(open, signal) : askOnScreen(plop, open, signal))
  return { ...given, ...(answers as Partial<Given>) }
}

async function problemOf(path: string): Promise<string | undefined> {
  try {
    await inspectTarget(path)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}
