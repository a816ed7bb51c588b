import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { postgresServer } from '../templates/+postgres/test/support/postgres-server.js'
import { command, connected, redisServer } from '../templates/+redis/test/support/redis-server.js'
import { ask } from './support/faults/ask.js'
import { callNumbers, callTool, isMean2, type Outcome, together } from './support/faults/call.js'
import { expectCleanLog, healthOf, holds } from './support/faults/judge.js'
import { type FaultServer, killAll, startServer, stopServer } from './support/faults/server.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const CALLS = 20
/** A connection may take two seconds, a statement five, and pg's own clock one more. */
const POSTGRES_MS = 8_000
/** A command may take one. */
const REDIS_MS = 2_000
/** For two busy processors. */
const SLACK_MS = 10_000
/** The waits of Redis' client between two connections grow to five seconds. */
const RECOVERY_MS = 20_000

// They read files of the project by their path from its folder.
const home = process.cwd()
let project: Project
let postgres: Awaited<ReturnType<typeof postgresServer>>
let redis: Awaited<ReturnType<typeof redisServer>>
let server: FaultServer
beforeAll(async () => {
  project = await writeServer('faults-databases', { postgres: true, redis: true })
  process.chdir(project.folder)
  ;[postgres, redis] = await Promise.all([postgresServer({ max_connections: '20' }), redisServer()])
  process.chdir(home)
  if (!postgres || !redis) return
  server = await startServer(project, {
    env: { DATABASE_URL: postgres.url, REDIS_URL: redis.url, SHUTDOWN_DRAIN: '5s' },
  })
})
afterAll(async () => {
  await killAll()
  await Promise.all([postgres?.close(), redis?.close()])
})

const END_ALL = `select pg_terminate_backend(pid) from pg_stat_activity
  where pid <> pg_backend_pid() and backend_type = 'client backend'`

const find = () => callTool(server, 'find_articles', { text: 'lamp' })
const found = ({ result }: Outcome) =>
  (result?.structuredContent?.articles as unknown[] | undefined)?.length === 3
const remember = () => callTool(server, 'remember', { name: 'note', text: 'milk' })
const recall = () => callTool(server, 'recall', { name: 'note' })
const recalled = ({ result }: Outcome) => result?.structuredContent?.text === 'milk'

interface Store {
  call: () => Promise<Outcome>
  isFine: (outcome: Outcome) => boolean
  unavailable: string
  withinMs: number
  /** Whether the server is not ready without it. */
  isCritical: boolean
}
const stores: Record<'postgres' | 'redis', Store> = {
  postgres: {
    call: find,
    isFine: found,
    unavailable: 'The database is not available; try again in a minute',
    withinMs: POSTGRES_MS,
    isCritical: true,
  },
  redis: {
    call: recall,
    isFine: recalled,
    unavailable: 'Notes are not available; try again in a minute',
    withinMs: REDIS_MS,
    isCritical: false,
  },
}

const readyIs = (status: number) =>
  expect
    .poll(async () => (await ask(`${server.adminUrl}/ready`)).status, {
      timeout: RECOVERY_MS,
      interval: 250,
    })
    .toBe(status)

/** Probes say that it is away, or too slow. */
const isAway = (name: keyof typeof stores) =>
  expect
    .poll(async () => (await healthOf(server)).checks?.[name]?.status, { timeout: RECOVERY_MS })
    .not.toBe('up')

/** Callers of the broken store are told so in time, those of anything else notice nothing, and all comes back. */
async function survives(
  name: keyof typeof stores,
  fault: () => unknown,
  mend: () => unknown,
  { isTotal = true } = {},
) {
  const { call, isFine, unavailable, withinMs, isCritical } = stores[name]
  const others = Object.values(stores).filter((store) => store !== stores[name])
  await readyIs(200)
  expect(await call()).toSatisfy(isFine)
  const stopWatching = watch(server)
  await fault()
  const calls = together(CALLS, call)
  await sleep(100)
  expect(await callNumbers(server)).toSatisfy(isMean2)
  for (const other of others) expect(await other.call()).toSatisfy(other.isFine)
  for (const outcome of await calls) {
    expect(outcome.status).toBe(200)
    expect(outcome.ms).toBeLessThan(withinMs + SLACK_MS)
    // What was on a connection that is still there may be answered.
    if (!isTotal && isFine(outcome)) continue
    expect(outcome.result).toMatchObject({ isError: true, content: [{ text: unavailable }] })
    expect(outcome.result?.content).toHaveLength(1)
  }
  if (isTotal) {
    await isAway(name)
    await readyIs(isCritical ? 503 : 200)
  }
  await mend()
  await readyIs(200)
  await expect.poll(async () => isFine(await call()), { timeout: RECOVERY_MS }).toBe(true)
  await expect
    .poll(() => healthOf(server), { timeout: RECOVERY_MS })
    .toMatchObject({ status: 'ok' })
  const { health, ready } = await stopWatching()
  expect(health).toEqual([200])
  expect(ready.every((status) => status === 200 || status === 503)).toBe(true)
}

describe('a server with PostgreSQL and Redis', () => {
  afterEach(() => {
    postgres?.resume()
    redis?.resume()
  })

  it('begins well', async ({ skip }) => {
    if (!postgres || !redis) skip('PostgreSQL or Redis is not installed')
    expect((await remember()).result?.isError).toBeFalsy()
    expect(await recall()).toSatisfy(recalled)
    expect(await find()).toSatisfy(found)
  })

  it.for([
    ['postgres', 'is killed, and started again'],
    ['redis', 'is killed, and started again'],
  ] as const)('%s %s', async ([name], { skip }) => {
    const store = { postgres, redis }[name]
    if (!store) return skip('not installed')
    await survives(name, store.stop, async () => {
      await store.start()
      // Redis here keeps nothing over its end.
      if (name === 'redis')
        await expect
          .poll(async () => (await remember()).result?.isError ?? false, { timeout: RECOVERY_MS })
          .toBe(false)
    })
  })

  it.for([['postgres'], ['redis']] as const)(
    '%s does not answer, its connections open, and goes on',
    async ([name], { skip }) => {
      const store = { postgres, redis }[name]
      if (!store) return skip('not installed')
      await survives(name, store.pause, store.resume)
    },
  )

  it('postgres ends every connection, and takes new ones at once', async ({ skip }) => {
    if (!postgres) return skip('not installed')
    const { url } = postgres
    const end = () => asAdmin(url, (client) => client.query(END_ALL))
    await survives('postgres', end, () => {}, { isTotal: false })
  })

  it('redis ends every connection, and takes new ones at once', async ({ skip }) => {
    if (!redis) return skip('not installed')
    const { url } = redis
    const end = () => command(url, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await survives('redis', end, () => {}, { isTotal: false })
  })

  it('postgres is out of connections: others hold all', async ({ skip }) => {
    if (!postgres) return skip('not installed')
    const { url } = postgres
    const others: pg.Client[] = []
    await survives(
      'postgres',
      async () => {
        await takeEvery(url, others)
        await readyIs(503)
      },
      () => Promise.all(others.map((client) => client.end())),
    )
  })

  it('redis is out of connections: it takes no more', async ({ skip }) => {
    if (!redis) return skip('not installed')
    await connected(redis.url, (admin) =>
      survives(
        'redis',
        async () => {
          await admin.config('SET', 'maxclients', '1')
          await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
          await isAway('redis')
        },
        () => admin.config('SET', 'maxclients', '10000'),
      ),
    )
  })

  it('ends well, and none of it looked like a fault of its own', async ({ skip }) => {
    if (!postgres || !redis) skip('not installed')
    await stopServer(server)
    expectCleanLog(server)
    for (const store of [postgres, redis]) {
      expect(holds(server.lines, store?.password ?? '')).toBe(false)
    }
  })
})

async function asAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** Leaves the server not one connection, however fast it opens another where one was ended. */
async function takeEvery(url: string, taken: pg.Client[]): Promise<void> {
  const mine = 'faults-test'
  for (;;) {
    await takeAll(url, mine, taken)
    const rows = await taken[0]?.query(`${END_ALL} and application_name <> '${mine}'`)
    if (rows?.rowCount === 0) return
  }
}

/** Opens connections until there are no more. */
async function takeAll(url: string, name: string, taken: pg.Client[]): Promise<void> {
  for (;;) {
    const client = new pg.Client({ connectionString: url, application_name: name })
    client.on('error', () => {})
    try {
      await client.connect()
      taken.push(client)
    } catch {
      return
    }
  }
}
