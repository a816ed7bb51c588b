import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import { RedisError } from '@mcp-prod/redis'
import { createServer } from '@mcp-prod/security'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createAdmin } from '../src/admin.js'
import { readConfig } from '../src/config.js'
import { createServices } from '../src/services.js'
import { recall } from '../src/tools/recall.js'
import { remember } from '../src/tools/remember.js'
import { required } from './support/credentials.js'
import { keptTelemetry } from './support/kept-telemetry.js'
import { command, redisServer } from './support/redis-server.js'
import { toolContext } from './support/tool-context.js'

// A server of its own, whatever TEST_REDIS_URL says: another one could not be stopped.
const redis = await redisServer()
const url = redis?.url ?? ''
afterAll(() => redis?.close())

const unavailable = 'Notes are not available; try again in a minute'
const unblocked = {
  isStarted: () => true,
  blockedBy: () => undefined,
  hosts: [],
  token: undefined,
}
let server: Awaited<ReturnType<typeof serverWith>>

async function serverWith(redisUrl: string) {
  const { telemetry, metrics, logs } = keptTelemetry()
  const timeouts = { REDIS_CONNECT_TIMEOUT: '1s', REDIS_COMMAND_TIMEOUT: '1s' }
  const config = readConfig({ ...required, ...timeouts, REDIS_URL: redisUrl })
  const { services, checks, close } = createServices(config, telemetry)
  const { redis = { run: () => {} } } = checks
  // Critical here, so that /ready tells.
  const app = createAdmin({
    checks: { redis: { ...redis, critical: true } },
    telemetry,
    ...unblocked,
  })
  const admin = createServer(app)
  admin.listen(0, '127.0.0.1')
  await once(admin, 'listening')
  const ready = `http://127.0.0.1:${(admin.address() as AddressInfo).port}/ready`
  const context = toolContext({ services, log: telemetry.logger })
  return {
    services,
    write: async (text: string) => remember.run({ name: 'list', text }, context),
    read: async () => recall.run({ name: 'list' }, context),
    readyIs: (status: number) =>
      expect
        .poll(async () => (await fetch(ready)).status, { timeout: 15_000, interval: 300 })
        .toBe(status),
    metrics,
    answer: async () => (await fetch(ready)).text(),
    logs,
    close,
    closeAdmin() {
      admin.closeAllConnections()
      admin.close()
    },
  }
}

beforeEach(async () => {
  server = await serverWith(url)
  if (redis) await server.readyIs(200)
})
afterEach(async () => {
  server.closeAdmin()
  await server.close()
})

async function works() {
  await server.write('milk')
  expect(await server.read()).toEqual({ text: 'milk' })
}

describe.skipIf(!redis)('the server goes on', { timeout: 60_000 }, () => {
  it('while Redis is down, says so at once, and finds it again', async () => {
    await works()
    await redis?.stop()
    await server.readyIs(503)
    expect(await server.metrics()).toContain('mcp_pool_connections{pool="redis",state="idle"} 0')
    const started = performance.now()
    for (let i = 0; i < 100; i++) await expect(server.read()).rejects.toThrow(unavailable)
    expect(performance.now() - started).toBeLessThan(5_000)
    await redis?.start()
    await server.readyIs(200)
    await works()
    expect(await server.metrics()).toContain('mcp_pool_connections{pool="redis",state="idle"} 1')
    expect(await server.logs()).toContain('redis connection is back')
  })

  it('while Redis does not answer, bounded by the timeout, and finds it again', async () => {
    await works()
    redis?.pause()
    const started = performance.now()
    await expect(server.write('bread')).rejects.toThrow(unavailable)
    expect(performance.now() - started).toBeLessThan(5_000)
    await server.readyIs(503)
    redis?.resume()
    await server.readyIs(200)
    await works()
  })

  it('while Redis does not answer, and lets no more than a thousand wait', async () => {
    redis?.pause()
    const waiting = Array.from({ length: 1_000 }, () => server.read().catch(String))
    await expect(server.services.redis.use((client) => client.ping())).rejects.toThrow(
      '1000 others wait',
    )
    for (const outcome of await Promise.all(waiting)) expect(outcome).toContain(unavailable)
    redis?.resume()
    await server.readyIs(200)
  })

  it('while others hold every connection of Redis', async () => {
    const others: Redis[] = []
    onTestFinished(async () => {
      for (const client of others) client.disconnect()
      await command(url, 'CONFIG', 'SET', 'maxclients', '1000')
    })
    const openAnother = async () => {
      const client = new Redis(url, { lazyConnect: true, retryStrategy: null })
      client.on('error', () => {})
      await client.connect().then(
        () => others.push(client),
        () => client.disconnect(),
      )
      return others.length
    }
    await command(url, 'CONFIG', 'SET', 'maxclients', '5')
    // The server under test has one.
    await expect.poll(openAnother, { timeout: 10_000 }).toBe(4)
    const late = await serverWith(url)
    await late.readyIs(503)
    await expect(late.read()).rejects.toThrow(unavailable)
    await expect.poll(late.logs, { timeout: 10_000 }).toContain('redis connection lost')
    for (const client of others) client.disconnect()
    await late.readyIs(200)
    late.closeAdmin()
    await late.close()
  })

  it('while Redis is full, and logs no note', async () => {
    const limitMemory = (bytes: string) => command(url, 'CONFIG', 'SET', 'maxmemory', bytes)
    onTestFinished(async () => void (await limitMemory('0')))
    await limitMemory('1')
    await expect(server.write('a-private-note')).rejects.toThrow(unavailable)
    // Errors of ioredis carry their command.
    const write = server.services.redis.use((client) => client.set('a', 'a-private-note'))
    const error = await write.catch((error: unknown) => error)
    expect(error).toBeInstanceOf(RedisError)
    expect(inspect(error, { depth: 9 })).not.toContain('a-private-note')
    await limitMemory('0')
    await works()
    expect(await server.logs()).toContain('OOM')
    expect(await server.logs()).not.toContain('a-private-note')
  })

  it('and a command that is wrong is no outage', async () => {
    const failing = server.services.redis.use((client) => client.call('NONSENSE', 'hunter2'))
    await expect(failing).rejects.toThrow('unknown command')
    await expect(failing).rejects.not.toBeInstanceOf(RedisError)
  })
})

describe.skipIf(!redis)('closing', () => {
  it('ends at once where Redis is away or does not answer', { timeout: 30_000 }, async () => {
    for (const fail of [() => redis?.pause(), () => redis?.stop()]) {
      const one = await serverWith(url)
      await one.readyIs(200)
      await fail()
      one.closeAdmin()
      const started = performance.now()
      await one.close()
      expect(performance.now() - started).toBeLessThan(4_000)
      redis?.resume()
    }
    await redis?.start()
  })
})

describe.skipIf(!redis)('a password', () => {
  it('is in no log and no answer, right or wrong', async () => {
    const wrong = new URL(url)
    wrong.password = 'hunter2'
    const locked = await serverWith(wrong.href)
    await locked.readyIs(503)
    await expect(locked.read()).rejects.toThrow(unavailable)
    await expect.poll(locked.logs, { timeout: 10_000 }).toContain('WRONGPASS')
    const told = (await locked.answer()) + (await locked.logs()) + (await server.logs())
    for (const secret of ['hunter2', redis?.password ?? '']) expect(told).not.toContain(secret)
    locked.closeAdmin()
    await locked.close()
  })
})
