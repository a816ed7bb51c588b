import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import type { ServerConfig } from '../fixtures/server.js'

export interface Line extends Record<string, unknown> {
  message: string
}

export type RunningServer = Awaited<ReturnType<typeof startServer>>

const children = new Set<ChildProcess>()
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
})

/** Starts the built package in a real process that serves real HTTP. */
export async function startServer(config: ServerConfig = {}, nodeArgs: readonly string[] = []) {
  const file = fileURLToPath(new URL('../fixtures/server.ts', import.meta.url))
  const args = [...nodeArgs, '--import', 'tsx', file, JSON.stringify(config)]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'development' },
  })
  children.add(child)
  const exited = exitOf(child)
  const lines: Line[] = []
  const stderr: string[] = []
  createInterface(child.stderr as Readable).on('line', (line) => stderr.push(line))
  const port = await new Promise<number>((resolve, reject) => {
    void exited.then((exit) => reject(new Error(`ended at once: ${exit} ${stderr.join('\n')}`)))
    createInterface(child.stdout as Readable).on('line', (text) => {
      const line = JSON.parse(text)
      lines.push(line)
      if (line.message === 'listening') resolve(line.port)
    })
  })
  return {
    child,
    lines,
    stderr,
    /** An exit code, or the name of the signal that ended the process. */
    exited,
    of: (message: string) => lines.filter((line) => line.message === message),
    onStderr: (message: string): Line[] =>
      stderr.filter((line) => line.includes(`"${message}"`)).map((line) => JSON.parse(line)),
    get: (path: string) => fetch(`http://127.0.0.1:${port}${path}`),
    raw: (request: string) => raw(port, request),
  }
}

/** stdout and stderr are complete by then. */
export async function exitOf(child: ChildProcess): Promise<number | string | null> {
  const [code, signal] = await once(child, 'close')
  children.delete(child)
  return signal ?? code
}

/** Sends a request as it is and reads until the server ends the connection; `end` tells how. */
async function raw(port: number, request: string) {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8')
  const answer = { text: '', end: 'clean' }
  socket.on('data', (chunk) => {
    answer.text += chunk
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    answer.end = error.code ?? ''
  })
  socket.write(request.replaceAll('\n', '\r\n'))
  await new Promise((resolve) => socket.once('close', resolve))
  return answer
}
