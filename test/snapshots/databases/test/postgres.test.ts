import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { DatabaseError } from '../src/postgres-query.js'
import { openedPostgres, patience } from './support/opened-postgres.js'
import { ask, testDatabase } from './support/postgres-server.js'

const database = await testDatabase()
afterAll(() => database?.close())
const url = database?.url ?? ''

const opened: { close: () => Promise<void> }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

function pool(env: NodeJS.ProcessEnv = {}) {
  const postgres = openedPostgres({ DATABASE_URL: url, DATABASE_POOL_MAX: '1', ...env })
  opened.push(postgres)
  const run = (text: string, signal = patience()) => postgres.query(text, [], signal)
  const pid = async () => (await run('select pg_backend_pid() as pid'))[0]?.pid
  return { ...postgres, run, pid }
}

const working = async (text: string) =>
  (await ask(url, `select pid from pg_stat_activity where state = 'active' and query = '${text}'`))
    .length

describe.skipIf(!database)('a query', () => {
  it('gives rows, and takes what a caller said as values', async () => {
    const { query } = pool()
    const hostile = `'; drop table articles; -- \\ $1 %`
    const rows = await query(
      'select $1::text as text, $2::int + 1 as sum',
      [hostile, 41],
      patience(),
    )
    expect(rows).toEqual([{ text: hostile, sum: 42 }])
  })

  it('is one statement: a second one behind it is refused', async () => {
    const { run } = pool()
    await expect(run('select 1; drop table articles')).rejects.toThrow('multiple commands')
    expect(await run('select count(*)::int as count from articles')).toEqual([{ count: 5 }])
  })

  it('that is wrong is an error of its own, and its connection stays', async () => {
    const { run, pid } = pool()
    const before = await pid()
    const failing = run('select nonsense')
    await expect(failing).rejects.toThrow('"nonsense" does not exist')
    await expect(failing).rejects.not.toBeInstanceOf(DatabaseError)
    expect(await pid()).toBe(before)
  })

  it('that takes too long is ended by the server, and its connection stays', async () => {
    const { run, pid } = pool({ DATABASE_STATEMENT_TIMEOUT: '300ms' })
    const before = await pid()
    const failing = run('select pg_sleep(71)')
    await expect(failing).rejects.toThrow('statement timeout')
    await expect(failing).rejects.toBeInstanceOf(DatabaseError)
    expect(await working('select pg_sleep(71)')).toBe(0)
    expect(await pid()).toBe(before)
  })

  it('that nobody waits for is ended at the server, and its connection is not used again', async () => {
    const { run, pid } = pool({ DATABASE_STATEMENT_TIMEOUT: '1h' })
    const before = await pid()
    const gone = new AbortController()
    const failing = run('select pg_sleep(72)', gone.signal)
    await expect.poll(() => working('select pg_sleep(72)'), { timeout: 10_000 }).toBe(1)
    gone.abort()
    await expect(failing).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    await expect.poll(() => working('select pg_sleep(72)'), { timeout: 10_000 }).toBe(0)
    expect(await pid()).not.toBe(before)
  })

  it('that nobody waits for holds its place until the server has ended it', async () => {
    const { run } = pool({ DATABASE_POOL_MAX: '2', DATABASE_STATEMENT_TIMEOUT: '1h' })
    for (let i = 0; i < 6; i++) {
      const gone = new AbortController()
      const failing = run('select pg_sleep(73)', gone.signal)
      const settled = failing.catch(() => {})
      await sleep(20)
      gone.abort()
      await settled
      expect(await working('select pg_sleep(73)')).toBeLessThanOrEqual(2)
    }
    await expect.poll(() => working('select pg_sleep(73)'), { timeout: 10_000 }).toBe(0)
  })

  it('does not start once nobody waits, also where it waits for a connection', async () => {
    const { run, pid } = pool()
    await expect(run('select 1', AbortSignal.abort())).rejects.toThrow(
      expect.objectContaining({ name: 'AbortError' }),
    )
    const busy = run('select pg_sleep(1)')
    const gone = new AbortController()
    const waiting = run('select 1', gone.signal)
    gone.abort()
    await expect(waiting).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
    await busy
    expect(await pid()).toBeTypeOf('number')
  })

  it('cannot leave a transaction open on a connection that others get', async () => {
    const { run, pid } = pool()
    const before = await pid()
    await run('begin')
    expect(await pid()).not.toBe(before)
  })
})

describe.skipIf(!database)('a pool that is all at work', () => {
  it('lets callers wait for so long, and is not taken for a dead database', async () => {
    const { run, check } = pool({ DATABASE_ACQUIRE_TIMEOUT: '2s' })
    await run('select 1')
    const busy = run('select pg_sleep(4)')
    const failing = run('select 1').catch((error: unknown) => error)
    await check(patience())
    const error = await failing
    expect(error).toBeInstanceOf(DatabaseError)
    expect(String(error)).toContain('timeout exceeded')
    await busy
    expect(await run('select 1 as one')).toEqual([{ one: 1 }])
  })

  it('shows it in the metrics', async () => {
    const { run, metrics } = pool()
    await run('select 1')
    const all = [run('select pg_sleep(1)'), run('select 1')]
    await expect.poll(metrics).toContain('mcp_pool_waiting{pool="postgres"} 1')
    expect(await metrics()).toContain('mcp_pool_connections{pool="postgres",state="used"} 1')
    expect(await metrics()).toContain('mcp_pool_max_connections{pool="postgres"} 1')
    await Promise.all(all)
    expect(await metrics()).toContain('mcp_pool_connections{pool="postgres",state="idle"} 1')
  })

  it('lets no more than ten callers a connection wait', async () => {
    const { run } = pool({ DATABASE_ACQUIRE_TIMEOUT: '10s' })
    await run('select 1')
    const busy = run('select pg_sleep(1)')
    const waiting = Array.from({ length: 10 }, () => run('select 1'))
    await expect(run('select 1')).rejects.toThrow('10 others wait')
    await Promise.all([busy, ...waiting])
  })
})

describe.skipIf(!database)('closing', () => {
  it('waits for the query in flight', async () => {
    const { run, close } = openedAlone()
    await run('select 1')
    const running = run('select pg_sleep(0.5), 1 as one')
    await close()
    expect(await running).toMatchObject([{ one: 1 }])
  })

  it('cuts off what takes longer than the shutdown can wait', async () => {
    const { run, close } = openedAlone()
    await run('select 1')
    const running = run('select pg_sleep(74)').catch((error: unknown) => error)
    await close()
    expect(await running).toBeInstanceOf(DatabaseError)
  })

  function openedAlone() {
    const postgres = openedPostgres({ DATABASE_URL: url, DATABASE_STATEMENT_TIMEOUT: '1h' })
    return { ...postgres, run: (text: string) => postgres.query(text, [], patience()) }
  }
})
