/** Started as a process of its own: a small server, told by its argument, or by SCENARIO, what to be. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createShutdown, type Logger, type Shutdown, type ShutdownOptions } from '../src/index.js'

function say(line: Record<string, unknown>) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
const write = (message: string, fields?: Record<string, unknown>) => say({ message, ...fields })
const logger: Logger = { debug: write, info: write, warn: write, error: write }

function start(options: ShutdownOptions) {
  const shutdown = createShutdown({ logger, graceMs: 0, ...options })
  shutdown.listen()
  return shutdown
}

async function listen(server: Server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server.address() as AddressInfo
}

async function serve(
  options: ShutdownOptions,
  create: (answer: RequestListener, shutdown: Shutdown) => Server = createServer,
) {
  const shutdown = start(options)
  const server = create(async (req, res) => {
    if (req.url === '/draining') return res.end(String(shutdown.draining))
    say({ message: 'call begun' })
    if (req.url !== '/slow') return
    while (server.listening) await sleep(10)
    await sleep(50)
    res.end('answered')
  }, shutdown)
  shutdown.addServer(server)
  const { port } = await listen(server)
  say({ message: 'listening', port })
  return shutdown
}

/** A protocol of its own after the upgrade: a line comes back, and the word of the end is `bye`. */
function upgrading(answer: RequestListener, shutdown: Shutdown) {
  const upgraded = new Set<Socket>()
  shutdown.onDrained('upgraded', () => {
    for (const socket of upgraded) socket.end('bye\n')
  })
  return createServer(answer).on('upgrade', (req, socket: Socket) => {
    socket.on('error', () => {}).write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    socket.on('data', (line) => socket.write(line))
    if (req.url === '/told') upgraded.add(socket)
  })
}

const scenarios: Record<string, () => unknown> = {
  serve: () => serve({ graceMs: 1_500 }),
  other: () => serve({ graceMs: 1_500, signals: ['SIGTERM', 'SIGUSR2', 'SIGHUP'] }),
  upgrade: () => serve({}, upgrading),
  tls: () =>
    serve({ graceMs: 1_500 }, (answer) => {
      const [key, cert] = [process.env.KEY ?? '', process.env.CERT ?? ''].map((f) =>
        readFileSync(f),
      )
      return createTlsServer({ key, cert, keepAliveTimeout: 65_000 }, answer)
    }),
  async hanging() {
    const describe = () => ({ id: 'req-7' })
    const shutdown = await serve({ drainTimeoutMs: 20, deadlineMs: 3_000, describe })
    shutdown.onClose('database', () => {})
    shutdown.onClose('queue', () => sleep(60_000), { timeoutMs: 60_000 })
  },
  async stuck() {
    const describe = () => ({ id: 'req-7' })
    const shutdown = await serve({ drainTimeoutMs: 1_000, deadlineMs: 2_000, describe })
    // Busy just then, so that the deadline comes before the end of the drain.
    shutdown.signal.addEventListener('abort', () => {
      for (const until = performance.now() + 1_200; performance.now() < until; );
    })
  },
  async starting() {
    const shutdown = start({ graceMs: 30_000, deadlineMs: 60_000 })
    shutdown.onClose('configuration', () => sleep(1_000))
    const alive = setInterval(() => {}, 1_000)
    say({ message: 'starting' })
    await once(process, 'SIGTERM')
    clearInterval(alive)
    await sleep(50)
    const added = createServer()
    shutdown.addServer(added)
    const begun = createServer()
    const addresses = [await listen(added), await listen(begun)].map(({ address }) => address)
    shutdown.addServer(begun)
    await sleep(50)
    say({ message: 'late', addresses, listening: [added.listening, begun.listening] })
  },
  /** Its second server would listen after the signal. */
  async between() {
    const shutdown = await serve({ graceMs: 1_500 })
    const second = createServer()
    shutdown.addServer(second)
    await once(process, 'SIGTERM')
    await sleep(2_500)
    const { port } = await listen(second)
    say({ message: 'second', port })
  },
  async chatty() {
    const shutdown = await serve({})
    shutdown.onClose('chatty', () => {
      for (let i = 0; i < 20_000; i++) say({ message: 'line', i, padding: 'x'.repeat(50) })
    })
  },
}

if (process.env.LOADS) {
  // What large programs do before their first line runs: load, and let the event loop turn.
  say({ message: 'loading' })
  await sleep(Number(process.env.LOADS))
}
await scenarios[process.argv[2] ?? process.env.SCENARIO ?? '']?.()
