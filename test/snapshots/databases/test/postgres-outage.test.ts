import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from '@mcp-prod/security'
import pg from 'pg'
import { afterAll, afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { createAdmin } from '../src/admin.js'
import { readConfig } from '../src/config.js'
import { DatabaseError } from '../src/postgres-query.js'
import { createServices } from '../src/services.js'
import { findArticles } from '../src/tools/find-articles.js'
import { required } from './support/credentials.js'
import { keptTelemetry } from './support/kept-telemetry.js'
import { openedPostgres, patience } from './support/opened-postgres.js'
import { ask, postgresServer } from './support/postgres-server.js'
import { toolContext } from './support/tool-context.js'

// A server of its own, whatever TEST_DATABASE_URL says: another one could not be stopped.
const database = await postgresServer({ max_connections: '12' })
const url = database?.url ?? ''
afterAll(() => database?.close())

const unavailable = 'The database is not available; try again in a minute'
const unblocked = {
  isStarted: () => true,
  blockedBy: () => undefined,
  hosts: [],
  token: undefined,
}
let server: Awaited<ReturnType<typeof serverWith>>

async function serverWith(databaseUrl: string) {
  const { telemetry, logs } = keptTelemetry()
  const config = readConfig({
    ...required,
    DATABASE_URL: databaseUrl,
    DATABASE_POOL_MAX: '2',
    DATABASE_ACQUIRE_TIMEOUT: '2s',
    DATABASE_STATEMENT_TIMEOUT: '1s',
  })
  const { services, checks, close } = createServices(config, telemetry)
  const { postgres = { run: () => {} } } = checks
  const app = createAdmin({ checks: { postgres }, telemetry, ...unblocked })
  const admin = createServer(app)
  admin.listen(0, '127.0.0.1')
  await once(admin, 'listening')
  const ready = `http://127.0.0.1:${(admin.address() as AddressInfo).port}/ready`
  return {
    find: async () => findArticles.run({ text: 'lamp', limit: 10 }, toolContext({ services })),
    readyIs: (status: number) =>
      expect
        .poll(async () => (await fetch(ready)).status, { timeout: 15_000, interval: 300 })
        .toBe(status),
    answer: async () => (await fetch(ready)).text(),
    query: services.postgres.query,
    check: async () => postgres.run(AbortSignal.timeout(1_500)),
    logs,
    async close() {
      admin.closeAllConnections()
      admin.close()
      await close()
    },
  }
}

beforeEach(async () => {
  server = await serverWith(url)
})
afterEach(() => server.close())

/** Takes so many of the server's twelve connections. @returns what gives them back, as the test's end does. */
async function others(count: number) {
  const clients: pg.Client[] = []
  const leave = async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()))
  }
  onTestFinished(leave)
  const openAnother = async () => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect().then(
      () => clients.push(client),
      () => {},
    )
    return clients.length
  }
  await expect.poll(openAnother, { timeout: 30_000, interval: 20 }).toBe(count)
  return leave
}

const works = async () => expect(await server.find()).toMatchObject({ articles: { length: 3 } })

describe.skipIf(!database)('the server goes on', { timeout: 60_000 }, () => {
  it('while PostgreSQL is down, says so at once, and finds it again', async () => {
    await works()
    await server.readyIs(200)
    await database?.stop()
    await expect.poll(server.logs).toContain('database connection lost')
    await expect(server.find()).rejects.toThrow(unavailable)
    await server.readyIs(503)
    await database?.start()
    await server.readyIs(200)
    await works()
  })

  it('while PostgreSQL does not answer, bounded by its timeouts, and finds it again', async () => {
    await works()
    await database?.pause()
    const started = performance.now()
    const calls = Array.from({ length: 10 }, () => server.find().catch((error: Error) => error))
    for (const outcome of await Promise.all(calls)) {
      expect(outcome).toMatchObject({ message: unavailable })
    }
    // Two seconds for a connection, and two for an answer.
    expect(performance.now() - started).toBeLessThan(12_000)
    await server.readyIs(503)
    database?.resume()
    await server.readyIs(200)
    await works()
  })

  it('while others hold every connection of PostgreSQL', async () => {
    const leave = await others(12)
    // Who waits makes the pool try again and again: tried is not connected.
    const waiting = Array.from({ length: 6 }, () => server.find().catch((error: Error) => error))
    await expect(server.check()).rejects.toThrow(DatabaseError)
    await Promise.all(waiting)
    await expect(server.find()).rejects.toThrow(unavailable)
    await server.readyIs(503)
    await leave()
    await server.readyIs(200)
    await works()
  })

  it('while others hold all but its own, which are at work: that is not to be down', async () => {
    await works()
    await others(11)
    const busy = server.query('select pg_sleep(0.9)', [], patience())
    await server.check()
    await busy
    await works()
  })

  it('when PostgreSQL ends in the middle of a query', async () => {
    const one = openedPostgres({ DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT: '1h' })
    const running = one.query('select pg_sleep(75)', [], patience()).catch((error) => error)
    const isRunning = "select pid from pg_stat_activity where query = 'select pg_sleep(75)'"
    await expect.poll(async () => (await ask(url, isRunning)).length, { timeout: 10_000 }).toBe(1)
    await database?.stop()
    expect(await running).toBeInstanceOf(DatabaseError)
    await database?.start()
    expect(await one.query('select 1 as one', [], patience())).toEqual([{ one: 1 }])
    await one.close()
  })

  it('when PostgreSQL comes after it', async () => {
    await database?.stop()
    await server.readyIs(503)
    await database?.start()
    await server.readyIs(200)
    await works()
  })
})

describe.skipIf(!database)('a password', () => {
  it('is in no log and no answer, right or wrong', async () => {
    const wrong = new URL(url)
    wrong.password = 'hunter2'
    const locked = await serverWith(wrong.href)
    await expect(locked.find()).rejects.toThrow(unavailable)
    await locked.readyIs(503)
    const told = (await locked.answer()) + (await locked.logs()) + (await server.logs())
    expect(told).toContain('password authentication failed')
    for (const secret of ['hunter2', database?.password ?? '']) expect(told).not.toContain(secret)
    await locked.close()
  })
})
