import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

export const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
/** Resolved, for a child may be started elsewhere. */
export const TSX = import.meta.resolve('tsx')

const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

export type Line = Record<string, unknown> & { message: string }

export interface StartOptions {
  /** @default this Node with tsx and the child */
  command?: string[]
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** In a process group of its own, as a shell starts it. @default false */
  group?: boolean
}

/** Starts the child and reads its lines; `until` waits for one. */
export function start(scenario: string, options: StartOptions = {}) {
  const { command = [process.execPath, '--import', TSX, CHILD, scenario], cwd, env = {} } = options
  const [file = '', ...words] = command
  const child = spawn(file, words, {
    cwd,
    env: { ...strangersEnv(), SCENARIO: scenario, ...env },
    detached: options.group ?? false,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines: Line[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('{')) lines.push(JSON.parse(part))
    child.emit('lines')
  })
  const ended = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    endedAt: performance.now(),
  }))
  async function until(message: string): Promise<Line> {
    for (;;) {
      const line = lines.find((found) => found.message === message)
      if (line) return line
      if (child.exitCode !== null) throw new Error(`ended without "${message}"`)
      await Promise.race([once(child, 'lines'), ended])
    }
  }
  async function fetchFrom(path: string) {
    const { port } = await until('listening')
    return fetch(`http://127.0.0.1:${port}${path}`)
  }
  return { child, lines, ended, until, fetchFrom }
}

/** Nothing of the npm run that started these tests. */
function strangersEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_|^node_options$/i.test(name))
  return Object.fromEntries(kept)
}

/** The processes that one has started, as Linux knows them. */
export function childrenOf(pid: number | undefined): number[] {
  const listed = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
  return listed.split(' ').filter(Boolean).map(Number)
}
