import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { strangersEnv } from '../command.js'

export interface Child {
  process: ChildProcess
  /** Every line of stdout and stderr, as it came. */
  lines: string[]
  exited: Promise<number | null>
}

interface Options {
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** The signal on which it ends at once, and its own children with it. */
  end: NodeJS.Signals
}

const running = new Map<Child, NodeJS.Signals>()

/** Starts a program and reads what it prints. */
export function startChild(command: string, args: readonly string[], options: Options): Child {
  const { cwd, env, end } = options
  const child = spawn(command, args, {
    cwd,
    env: { ...strangersEnv(), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  for (const output of [child.stdout, child.stderr])
    createInterface(output).on('line', (line) => lines.push(line))
  child.once('error', (error) => lines.push(String(error)))
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const started = { process: child, lines, exited }
  running.set(started, end)
  child.once('close', () => running.delete(started))
  return started
}

/** Ends whatever was started here and still runs. */
export async function endAll(): Promise<void> {
  const children = [...running]
  for (const [child, end] of children) child.process.kill(end)
  await Promise.all(children.map(([{ exited }]) => exited))
}

/** Far longer than anything here takes, on a busy machine too. */
const PATIENCE_MS = 60_000

/** Waits until `isDone`, which may fail meanwhile. @throws Error with what the program printed last. */
export async function waitFor(
  what: string,
  child: Child,
  isDone: () => Promise<boolean>,
): Promise<void> {
  const endsAt = performance.now() + PATIENCE_MS
  let last: unknown = 'it is not'
  while (child.process.exitCode === null && performance.now() < endsAt) {
    try {
      if (await isDone()) return
    } catch (error) {
      last = error
    }
    await sleep(25)
  }
  const printed = child.lines.slice(-20).join('\n')
  throw new Error(`waited in vain for ${what}: ${last}\n${printed}`)
}

export function isInstalled(command: string): Promise<boolean> {
  const child = spawn(command, ['-v'], { stdio: 'ignore' })
  return once(child, 'close').then(
    () => true,
    () => false,
  )
}
