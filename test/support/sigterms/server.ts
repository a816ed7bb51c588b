import { type ChildProcess, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { strangersEnv } from '../command.js'

export interface LogLine {
  level: string
  message: string
  [field: string]: unknown
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  /** Milliseconds from the signal to the end. */
  tookMs: number
}

/** Loaded into the server: tells of each connection that Node has accepted, by the client's port. */
const TELL_ACCEPTED = `data:text/javascript,${encodeURIComponent(`
import { subscribe } from 'node:diagnostics_channel'
subscribe('net.server.socket', ({ socket }) => {
  const line = { level: 'debug', message: 'accepted', port: socket.remotePort }
  process.stdout.write(JSON.stringify(line) + '\\n')
})`)}`

const running = new Set<ChildProcess>()

/** Ends whatever was started here and still runs. */
export function killAll(): void {
  for (const child of running) killGroup(child, 'SIGKILL')
}

/** Starts the compiled server in a process group of its own, so that what it leaves behind can be found. */
export function startServer(folder: string, env: NodeJS.ProcessEnv, words: string[] = []) {
  const child = spawn(process.execPath, ['--import', TELL_ACCEPTED, ...words, 'dist/main.js'], {
    cwd: folder,
    env: {
      ...strangersEnv(),
      NODE_ENV: 'production',
      API_KEYS_FILE: 'keys.json',
      PORT: '0',
      ADMIN_PORT: '0',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  running.add(child)
  const lines: LogLine[] = []
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  createInterface(child.stdout).on('line', (text) => {
    lines.push(JSON.parse(text))
    child.emit('line')
  })
  let signalledAt = 0
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      child.emit('line')
      resolve({ code, signal, tookMs: performance.now() - signalledAt })
    })
  })

  return {
    lines,
    stderr: () => stderr,
    ended,
    signal() {
      signalledAt = performance.now()
      child.kill('SIGTERM')
    },
    /** Its public and its private port. @throws Error when it ends before it listens. */
    async ports(): Promise<number[]> {
      for (;;) {
        const line = lines.find(({ message }) => message === 'listening')
        if (line) return [line.url, line.adminUrl].map((url) => Number(new URL(String(url)).port))
        if (!running.has(child)) throw new Error(`it ended before it listened: ${stderr}`)
        await new Promise((resolve) => child.once('line', resolve))
      }
    },
    hasAccepted: (port: number) =>
      lines.some((line) => line.message === 'accepted' && line.port === port),
    /** What is still there of it: processes of its group. */
    hasOrphans: () => killGroup(child, 0),
  }
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-(pid ?? 0), signal)
  } catch {
    // Nobody is left in it.
    return false
  }
}

/** Whether anything still accepts connections on a port. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', () => resolve(false)).once('connect', () => resolve(true))
    socket.once('connect', () => socket.destroy())
  })
}
