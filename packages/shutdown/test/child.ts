/** Started as a process of its own by signals.test.ts: a small server, told by its argument what to be. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createShutdown, type Logger, type ShutdownOptions } from '../src/index.js'

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

async function serve(options: ShutdownOptions) {
  const shutdown = start(options)
  const server = createServer(async (req, res) => {
    if (req.url === '/draining') return res.end(String(shutdown.draining))
    say({ message: 'call begun' })
    if (req.url !== '/slow') return
    while (server.listening) await sleep(10)
    await sleep(50)
    res.end('answered')
  })
  shutdown.addServer(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  say({ message: 'listening', port: (server.address() as AddressInfo).port })
  return shutdown
}

const scenarios: Record<string, () => unknown> = {
  serve: () => serve({ graceMs: 300 }),
  async hanging() {
    const shutdown = await serve({ drainTimeoutMs: 20, deadlineMs: 1_300 })
    shutdown.onClose('database', () => {})
    shutdown.onClose('queue', () => sleep(60_000), { timeoutMs: 60_000 })
  },
  async starting() {
    const shutdown = start({ graceMs: 5_000 })
    shutdown.onClose('configuration', () => sleep(200))
    const alive = setInterval(() => {}, 1_000)
    say({ message: 'starting' })
    await once(process, 'SIGTERM')
    clearInterval(alive)
    await sleep(50)
    const added = createServer()
    shutdown.addServer(added)
    added.listen(0, '127.0.0.1')
    const begun = createServer().listen(0, '127.0.0.1')
    await once(begun, 'listening')
    shutdown.addServer(begun)
    say({ message: 'late', listening: [added.listening, begun.listening] })
  },
  async chatty() {
    const shutdown = await serve({})
    shutdown.onClose('chatty', () => {
      for (let i = 0; i < 20_000; i++) say({ message: 'line', i, padding: 'x'.repeat(50) })
    })
  },
}

await scenarios[process.argv[2] ?? '']?.()
