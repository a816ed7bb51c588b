import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashApiKey } from '@mcp-prod/auth'
import { strangersEnv } from '../command.js'
import { noLimits } from '../no-limits.js'
import type { Project } from '../project.js'
import { ask } from './ask.js'

export interface LogLine {
  level: string
  message: string
  time: string
  [field: string]: unknown
}

export interface FaultServer {
  process: ChildProcess
  pid: number
  port: number
  url: URL
  adminUrl: string
  key: string
  /** Of its stdout, while that is read here. */
  lines: LogLine[]
  stderr: () => string
  exited: Promise<number | null>
}

export interface StartOptions {
  env?: NodeJS.ProcessEnv
  /** The file of its API keys. @default the project's key alone, with every scope */
  keyFile?: string
  /** Options of node itself. */
  nodeOptions?: readonly string[]
  /** Where its stdout goes, as a file descriptor. @default here */
  stdout?: number
  /** A program that starts node in its own place, so that the process id stays. */
  wrapper?: readonly string[]
}

/** Far more than a start takes, also while others use the processors. */
const START_MS = 60_000

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program that `killAll` ends, should the test forget it. */
export function track(child: ChildProcess): ChildProcess {
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/** Ends whatever was started here and still runs. */
export async function killAll(): Promise<void> {
  const ended = [...running].map((child) => once(child, 'close'))
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(ended)
}

/** Starts a compiled server as production does, and waits until it is ready; its log is not needed for that. */
export async function startServer(
  { folder, key }: Project,
  { env = {}, keyFile, nodeOptions = [], stdout, wrapper = [] }: StartOptions = {},
): Promise<FaultServer> {
  const [port, adminPort] = await Promise.all([freePort(), freePort()])
  const [program = process.execPath, ...args] = [...wrapper, process.execPath, ...nodeOptions]
  const own = { NODE_ENV: 'production', PORT: `${port}`, ADMIN_PORT: `${adminPort}` }
  const child = track(
    spawn(program, [...args, 'dist/main.js'], {
      cwd: folder,
      env: {
        ...strangersEnv(),
        ...noLimits,
        ...(keyFile ? { API_KEYS_FILE: keyFile } : { API_KEYS: listOf(key) }),
        SHUTDOWN_GRACE: '0s',
        ...own,
        ...env,
      },
      stdio: ['ignore', stdout ?? 'pipe', 'pipe'],
    }),
  )
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said += chunk
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const adminUrl = `http://127.0.0.1:${adminPort}`
  const server: FaultServer = {
    process: child,
    pid: child.pid ?? 0,
    port,
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    adminUrl,
    key,
    lines: child.stdout ? linesOf(child.stdout) : [],
    stderr: () => said,
    exited,
  }
  await untilReady(server)
  return server
}

function listOf(key: string): string {
  const scopes = ['stats:read', 'weather:read', 'catalog:read', 'notes:read', 'notes:write']
  return JSON.stringify([{ id: 'dev', hash: hashApiKey(key), principal: 'developer', scopes }])
}

/** Ends it as the platform does. @throws Error when it does not end well. */
export async function stopServer({ process: child, exited, stderr }: FaultServer): Promise<void> {
  child.kill('SIGTERM')
  const code = await exited
  if (code !== 0) throw new Error(`the server exited with ${code}: ${stderr()}`)
}

async function untilReady({ adminUrl, process: child, lines, stderr }: FaultServer) {
  const giveUpAt = performance.now() + START_MS
  while (performance.now() < giveUpAt) {
    if (child.exitCode !== null || child.signalCode !== null) break
    const status = await ask(`${adminUrl}/ready`).then(
      (answer) => answer.status,
      () => undefined,
    )
    if (status === 200) return
    await sleep(50)
  }
  throw new Error(`the server did not become ready: ${stderr()}\n${JSON.stringify(lines)}`)
}

function linesOf(stream: NodeJS.ReadableStream): LogLine[] {
  const lines: LogLine[] = []
  createInterface(stream).on('line', (line) => lines.push(JSON.parse(line)))
  return lines
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

/** Bytes of memory that a process has now (`VmRSS`) or had at most (`VmHWM`), as the kernel counts them. */
export async function memoryOf(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]
  if (kib === undefined) throw new Error(`/proc/${pid}/status has no ${field}`)
  return Number(kib) * 1024
}
