import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { strangersEnv } from '../command.js'

export interface Program {
  pid: number
  /** All that it has written so far. */
  output(): string
  /** Waits until that has a certain text. @throws Error with all of it when the program ends without */
  says(text: string | RegExp): Promise<string>
  signal(name: NodeJS.Signals): void
  /** Its exit code, or the signal that ended it. */
  exit: Promise<number | string>
}

export interface Programs {
  start(file: string, env?: NodeJS.ProcessEnv): Promise<Program>
  killAll(): Promise<void>
}

/** Programs that run in a folder, until they end or are killed. */
export function programsIn(folder: string): Programs {
  const children = new Set<ChildProcess>()
  return {
    async start(file, env = {}) {
      const child = spawn(process.execPath, [file], {
        cwd: folder,
        env: { ...strangersEnv(), ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        // A group of its own, so that its workers are found too.
        detached: true,
      })
      await once(child, 'spawn')
      children.add(child)
      return watched(child)
    },
    async killAll() {
      for (const child of children) {
        const isOver = child.exitCode !== null || child.signalCode !== null
        const closed = isOver ? undefined : once(child, 'close')
        try {
          process.kill(-Number(child.pid), 'SIGKILL')
        } catch {
          // Nobody of the group is left.
        }
        await closed
      }
      children.clear()
    },
  }
}

function watched(child: ChildProcess): Program {
  let output = ''
  const collect = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  let isOver = false
  const exit = once(child, 'close').then(([code, signal]) => {
    isOver = true
    return code ?? signal
  })
  const has = (text: string | RegExp) =>
    typeof text === 'string' ? output.includes(text) : text.test(output)
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async says(text) {
      for (let tries = 0; !has(text); tries++) {
        if (isOver || tries > 600) throw new Error(`${text} is not in:\n${output}`)
        await sleep(50)
      }
      return output
    },
    signal: (name) => child.kill(name),
    exit,
  }
}
