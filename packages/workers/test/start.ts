import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { Agent, get as getOver } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

type Line = Record<string, unknown> & { message: string }

/** Starts a primary and reads the lines of it and its workers. */
export function start(env: NodeJS.ProcessEnv = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !/^npm_|^node_options$/i.test(name))
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), CHILD], {
    env: { ...Object.fromEntries(kept), ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines: Line[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts.map((part) => JSON.parse(part)))
    child.emit('lines')
  })
  // Of the primary; its workers may still hold its pipes.
  const ended = once(child, 'exit').then(([code, signal]) => ({ code, signal }))

  /** The lines with this message, when there are so many. */
  async function until(message: string, count = 1): Promise<Line[]> {
    for (;;) {
      const found = lines.filter((line) => line.message === message)
      if (found.length >= count) return found
      const isOver = child.exitCode !== null || child.signalCode !== null
      if (isOver && child.stdout.readableEnded) throw new Error(`ended without "${message}"`)
      await Promise.race([once(child, 'lines'), once(child.stdout, 'end')])
    }
  }
  const port = async () => Number((await until('started'))[0]?.port)
  async function get(path: string): Promise<Record<string, unknown>> {
    return (await fetch(`http://127.0.0.1:${await port()}${path}`)).json() as Promise<
      Record<string, unknown>
    >
  }
  // Until it closes it stays with the same worker.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  async function getAgain(path: string): Promise<Record<string, unknown>> {
    const sent = getOver(`http://127.0.0.1:${await port()}${path}`, { agent })
    const [response] = await once(sent, 'response')
    return JSON.parse(await text(response))
  }
  let asked = 0
  return {
    child,
    lines,
    ended,
    until,
    get,
    /** On one connection. */
    getAgain,
    /** Waits until so many are ready, in all. */
    ready: (count: number) => until('worker ready', count),
    port,
    async tell(command: object) {
      child.stdin.write(`${JSON.stringify(command)}\n`)
    },
    async askAll(topic: string, payload?: unknown, timeoutMs?: number) {
      child.stdin.write(`${JSON.stringify({ topic, payload, timeoutMs })}\n`)
      asked++
      const [answers, states] = [await until('answers', asked), await until('state', asked)]
      return { ...states[asked - 1], answers: answers[asked - 1]?.answers as unknown[] } as Record<
        string,
        unknown
      > & { answers: unknown[] }
    },
  }
}

/** Whether a process is there and is no zombie. */
export function isAlive(pid: number): boolean {
  const file = `/proc/${pid}/stat`
  try {
    return existsSync(file) && !readFileSync(file, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}
