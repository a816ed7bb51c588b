import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { strangersEnv } from '../support/command.js'
import type { Contestant } from './contestants.js'
import type { Issuer } from './credentials.js'
import { processorSeconds } from './proc.js'

export interface Running {
  pid: number
  url: URL
  /** Where probes and metrics are; the same as `url` where there is no second port. */
  admin: URL
  token: string
  /** What it printed, both streams. */
  log(): string
  ended: Promise<string>
  /** Processor time until its port was open. */
  startSeconds: number
  process: ChildProcess
}

export interface Start {
  contestant: Contestant
  folder: string
  issuer: Issuer
  program?: readonly string[]
  env?: Record<string, string>
}

/** Far more than any needs on an idle machine. */
const START_MS = 60_000

const alive = new Set<ChildProcess>()

/** Starts a contestant's server as a process and waits until its port is open. @throws Error with what it printed. */
export async function start({ contestant, folder, issuer, program, env }: Start): Promise<Running> {
  const [port, adminPort] = [contestant.port ?? (await freePort()), await freePort()]
  const ours = contestant.credential === 'api-key'
  const child = spawn(process.execPath, [...(program ?? contestant.server)], {
    cwd: folder,
    env: {
      ...strangersEnv(),
      ...issuer.env,
      PORT: String(port),
      NODE_ENV: 'production',
      ...(ours && { ADMIN_PORT: String(adminPort), API_KEYS_FILE: 'keys.json' }),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  alive.add(child)
  const printed: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => printed.push(chunk.toString()))
  }
  const ended = once(child, 'close').then(([code, signal]) => {
    alive.delete(child)
    return code === null ? `ends by ${signal}` : `exit ${code}`
  })
  await opened(port, child, () => printed.join(''))
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  return {
    pid: child.pid ?? 0,
    url,
    admin: ours ? new URL(`http://127.0.0.1:${adminPort}/`) : new URL('/', url),
    token:
      contestant.credential === 'api-key'
        ? await devKey(folder)
        : issuer.tokens[contestant.credential],
    log: () => printed.join(''),
    ended,
    startSeconds: await processorSeconds(child.pid ?? 0),
    process: child,
  }
}

export async function stop({ process, ended }: Running): Promise<void> {
  process.kill('SIGKILL')
  await ended
}

/** Whatever went wrong, nothing of this run outlives it. */
export function stopAll(): void {
  for (const child of alive) child.kill('SIGKILL')
}

async function opened(port: number, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = performance.now() + START_MS
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (await accepts(port)) return
    await sleep(5)
  }
  child.kill('SIGKILL')
  throw new Error(`it did not listen: ${log().slice(-2000)}`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

async function devKey(folder: string): Promise<string> {
  const env = await readFile(join(folder, '.env'), 'utf8')
  return /^MCP_DEV_API_KEY=(.+)$/m.exec(env)?.[1] ?? ''
}
