import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'
import { type HttpClient, type HttpClientOptions, httpClient } from '../src/index.js'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** Runs after the test, in reverse order. */
export function atEnd(close: () => unknown): void {
  closers.push(close)
}

export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Answers a request; `number` counts those of the connection, from 1. */
export type RawAnswer = (socket: Socket, text: string, number: number) => void

export interface RawServer {
  port: number
  url: string
  sockets: Set<Socket>
  /** Connections so far. */
  accepted(): number
  /** Requests so far, as they came. */
  requests: string[]
  answer(next: RawAnswer): void
  stop(): Promise<void>
  restart(): Promise<void>
}

/** A server that writes what a test wants, byte by byte. */
export async function rawServer(first: RawAnswer): Promise<RawServer> {
  const sockets = new Set<Socket>()
  const requests: string[] = []
  let answer = first
  let accepted = 0
  let server: Server

  async function start(port: number): Promise<number> {
    server = createServer((socket) => {
      let number = 0
      accepted++
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket)).on('error', () => {})
      socket.on('data', (data) => {
        requests.push(data.toString())
        answer(socket, data.toString(), ++number)
      })
    }).listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  async function stop() {
    if (!server.listening) return
    server.close()
    for (const socket of sockets) socket.destroy()
    await once(server, 'close')
  }
  const port = await start(0)
  atEnd(stop)
  return {
    port,
    url: `http://127.0.0.1:${port}/`,
    sockets,
    accepted: () => accepted,
    requests,
    answer(next) {
      answer = next
    },
    stop,
    async restart() {
      await start(port)
    },
  }
}

/** A server of Node's; `connections` counts those that there have been. */
export async function httpServer(listener: RequestListener) {
  const server = createHttpServer(listener)
  let connections = 0
  server.on('connection', () => connections++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}/`, connections: () => connections }
}

/** A client of one server, without retries and breaker unless asked for. */
export function clientOf(url: string | undefined, options: HttpClientOptions = {}): HttpClient {
  const base = url === undefined ? {} : { baseUrl: url }
  const client = httpClient('test', { ...base, retry: false, breaker: false, ...options })
  atEnd(() => client.close())
  return client
}

/** Writes the same again and again until the connection ends. */
export function drip(socket: Socket, text: string, everyMs = 20): void {
  const timer = setInterval(() => socket.write(text), everyMs)
  socket.on('close', () => clearInterval(timer))
}

/** A process of its own that runs a module; `lib` in it is this package. */
export function runModule(source: string, env: NodeJS.ProcessEnv = {}): ChildProcess {
  const lib = new URL('../src/index.ts', import.meta.url).href
  const code = source.includes('lib.') ? `import * as lib from '${lib}'\n${source}` : source
  const flags = source.includes('lib.') ? ['--import', 'tsx'] : []
  const child = spawn(process.execPath, [...flags, '--input-type=module', '-e', code], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  atEnd(() => child.kill('SIGKILL'))
  return child
}

/** The next line that a process writes. */
export async function lineOf({ stdout }: ChildProcess): Promise<string> {
  if (!stdout) throw new Error('no stdout')
  let text = ''
  while (!text.includes('\n')) text += String((await once(stdout, 'data'))[0])
  return text.trim()
}

/** How a request ended, and how long that took. */
export async function timed<T>(promise: Promise<T>) {
  const started = performance.now()
  const [result] = await Promise.allSettled([promise])
  const ms = performance.now() - started
  return result.status === 'fulfilled'
    ? { ms, value: result.value, error: undefined }
    : { ms, value: undefined, error: result.reason as Error & { code?: string } }
}
