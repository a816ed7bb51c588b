import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

const isInstalled = spawnSync('redis-server', ['--version']).status === 0
const isRequired = process.env.REQUIRE_COMPONENTS === '1'

/** A server of its own, to stop and to start again, or undefined where Redis is not installed. */
export async function redisServer() {
  if (!isInstalled) return missing('redis-server is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'redis-'))
  const password = randomBytes(16).toString('hex')
  const port = await freePort()
  const url = `redis://:${password}@127.0.0.1:${port}/0`
  let child: ReturnType<typeof start> | undefined

  function start() {
    // Its settings by stdin, so that no list of processes shows the password.
    const started = spawn('redis-server', ['-'], {
      cwd: folder,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const settings = {
      bind: '127.0.0.1',
      port,
      save: '""',
      appendonly: 'no',
      requirepass: password,
    }
    started.stdin.end(
      Object.entries(settings)
        .map((words) => `${words.join(' ')}\n`)
        .join(''),
    )
    process.once('exit', () => started.kill('SIGKILL'))
    return started
  }

  const server = {
    url,
    password,
    async start() {
      child = start()
      for (let tries = 0; !(await answers(url)); tries++) {
        if (tries > 200 || child.exitCode !== null) throw new Error('Redis does not start')
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    },
    /** At once, as when its machine dies. */
    async stop() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
    /** Stops it in the middle of everything: connections stay open, and nothing is answered. */
    pause: () => child?.kill('SIGSTOP'),
    resume: () => child?.kill('SIGCONT'),
    async close() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
  await server.start()
  return server
}

/** TEST_REDIS_URL or a server of its own; undefined where there is neither. */
export async function testRedis() {
  const url = process.env.TEST_REDIS_URL
  return url ? { url, close: async () => {} } : redisServer()
}

/** One command on a connection of its own. */
export async function command(url: string, ...words: string[]): Promise<unknown> {
  const [name = '', ...rest] = words
  return connected(url, (client) => client.call(name, ...rest))
}

/** A connection that gives up at once. */
export async function connected<T>(url: string, work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null, commandTimeout: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    client.disconnect()
  }
}

function answers(url: string): Promise<boolean> {
  return command(url, 'PING').then(
    () => true,
    () => false,
  )
}

function missing(reason: string): undefined {
  if (isRequired) throw new Error(`${reason}, but REQUIRE_COMPONENTS is 1`)
  process.stderr.write(`skipped: ${reason}\n`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
