import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis, type RedisOptions } from 'ioredis'

export interface ServerOptions {
  settings?: Record<string, string>
  env?: Record<string, string | undefined>
  /** How the helper itself connects. */
  client?: RedisOptions
  password?: string
  folder?: string
  isSentinel?: boolean
}
export type RedisServer = Awaited<ReturnType<typeof redisServer>>

/** A real server of its own, to stop, to halt and to start again on the same port. */
export async function redisServer(options: ServerOptions = {}) {
  const { password = randomBytes(16).toString('hex'), env, isSentinel = false } = options
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'redis-')))
  const port = await freePort()
  const isTls = options.settings?.['tls-cert-file'] !== undefined
  const ports: Record<string, string> = isTls
    ? { port: '0', 'tls-port': String(port) }
    : { port: String(port) }
  const common = { bind: '127.0.0.1', ...ports }
  const ofServer = { save: '""', appendonly: 'no', requirepass: password, masterauth: password }
  const settings = { ...common, ...(!isSentinel && ofServer), ...options.settings }
  // In a file that nobody else can read, for a list of processes shows arguments; a Sentinel writes into it.
  const file = join(folder, `${port}.conf`)
  await writeFile(file, linesOf(settings), { mode: 0o600 })
  let child = start()

  function start() {
    const started = spawn('redis-server', [file, ...(isSentinel ? ['--sentinel'] : [])], {
      cwd: folder,
      stdio: 'ignore',
      env: { ...process.env, ...env },
    })
    process.once('exit', () => started.kill('SIGKILL'))
    return started
  }

  /** One command on a connection of its own that gives up at once. */
  async function command(name: string, ...words: (string | number)[]): Promise<unknown> {
    const client = new Redis({
      port,
      host: '127.0.0.1',
      ...(!isSentinel && { password }),
      lazyConnect: true,
      retryStrategy: null,
      commandTimeout: 5_000,
      ...options.client,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await client.call(name, ...words)
    } finally {
      client.disconnect()
    }
  }

  async function untilItAnswers() {
    for (let tries = 0; ; tries++) {
      const answer = await command('PING').catch(() => undefined)
      if (answer === 'PONG') return
      if (tries > 200 || child.exitCode !== null) throw new Error('Redis does not start')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  const server = {
    port,
    password,
    folder,
    url: `redis://:${password}@127.0.0.1:${port}/0`,
    command,
    async start() {
      child = start()
      await untilItAnswers()
    },
    /** At once, as when its machine dies. */
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
    /** In the middle of everything: connections stay open, and nothing is answered. */
    pause: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    async close() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await untilItAnswers()
  return server
}

function linesOf(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map((words) => `${words.join(' ')}\n`)
    .join('')
}

/** A Cluster's bus listens 10,000 above, which must be a port as well. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port > 55_000 ? freePort() : port
}
