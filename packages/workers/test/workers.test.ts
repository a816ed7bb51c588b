import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { backoff } from '../src/backoff.js'
import { startWorkers } from '../src/index.js'
import { isAlive, start } from './start.js'

const pidsOf = async (server: ReturnType<typeof start>, count: number) =>
  (await server.ready(count)).map(({ workerPid }) => Number(workerPid))

describe('workers', () => {
  it('share one port, each with its number, its flags and its environment', async () => {
    const server = start({ COUNT: '3' })
    await server.ready(3)
    const seen = new Map<unknown, unknown>()
    for (let i = 0; i < 12; i++) {
      const { id, pid, args, greeting } = await server.get('/who')
      expect(greeting).toBe('hello')
      expect(args).toContain('--max-old-space-size=77')
      seen.set(id, pid)
    }
    expect([...seen.keys()].sort()).toEqual([1, 2, 3])
    expect(new Set(seen.values()).size).toBe(3)
  })

  it('are replaced when they die, and nobody else notices', async () => {
    const server = start({ COUNT: '2' })
    const pids = await pidsOf(server, 2)
    const slow = [server.get('/slow?ms=2500'), server.get('/slow?ms=2500')]
    const begun = await server.until('call begun', 2)
    expect(new Set(begun.map(({ id }) => id)).size).toBe(2)
    process.kill(Number(pids[0]), 'SIGKILL')
    const outcomes = await Promise.allSettled(slow)
    // Its own call is gone, the other's is not.
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await server.ready(3)
    const ids = new Set<unknown>()
    for (let i = 0; i < 8; i++) ids.add((await server.get('/who')).id)
    expect([...ids].sort()).toEqual([1, 2])
    const { restarts, ready, list } = await server.askAll('who')
    expect({ restarts, ready }).toEqual({ restarts: 1, ready: 2 })
    expect(list).toHaveLength(2)
    expect(server.lines.find(({ message }) => message.startsWith('worker died'))).toMatchObject({
      signal: 'SIGKILL',
      worker: expect.any(Number),
    })
  })

  it('that die leave no connection behind that was on its way to them', async () => {
    const server = start({ COUNT: '2' })
    const pids = await pidsOf(server, 2)
    // Stopped, one of them takes none; connections go to it all the same, until it has one.
    process.kill(Number(pids[0]), 'SIGSTOP')
    const calls = Array.from({ length: 6 }, () => server.get('/who'))
    await sleep(500)
    process.kill(Number(pids[0]), 'SIGKILL')
    const ids = (await Promise.all(calls)).map(({ id }) => id)
    expect(ids).toHaveLength(6)
  })

  it('that end before any was ready end the start, with their exit code', async () => {
    const server = start({ COUNT: '3', WHAT: 'dies-first' })
    expect(await server.ended).toEqual({ code: 7, signal: null })
    const [failed] = await server.until('failed')
    expect(failed).toMatchObject({ code: 'ERR_WORKERS_START' })
    expect(failed?.text).toMatch(/worker \d ended with 7 before any worker was ready/)
  })

  it('cannot be started by a worker, or with wrong options', () => {
    const wrong = [{ count: 0 }, { count: 1.5 }, { count: 2, stopTimeoutMs: -1 }]
    for (const options of [...wrong, { count: 2, backoffMs: 500, maxBackoffMs: 400 }]) {
      expect(() => startWorkers(options)).toThrow(
        expect.objectContaining({ code: 'ERR_WORKERS_OPTION' }),
      )
    }
  })
})

it('waits longer for each restart of what dies soon, and never too long', () => {
  const next = backoff({ backoffMs: 100, maxBackoffMs: 1_000 })
  for (const most of [100, 200, 400, 800, 1_000, 1_000]) {
    const waitMs = next(10)
    expect(waitMs).toBeGreaterThanOrEqual(most / 2)
    expect(waitMs).toBeLessThanOrEqual(most)
  }
  expect(next(Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(500)
  // It has served for a while: something else killed it.
  expect(next(60_000)).toBeLessThanOrEqual(100)
})

describe('the end', () => {
  it('comes to all at once, after the calls in flight, with 0', async () => {
    const server = start({ COUNT: '3' })
    const pids = await pidsOf(server, 3)
    const slow = [1, 2, 3].map(() => server.get('/slow?ms=1500'))
    const begun = await server.until('call begun', 3)
    expect(new Set(begun.map(({ id }) => id)).size).toBe(3)
    server.child.kill('SIGTERM')
    expect(await Promise.all(slow)).toHaveLength(3)
    expect(await server.ended).toEqual({ code: 0, signal: null })
    expect(pids.filter(isAlive)).toEqual([])
  })

  it('comes too while workers are still loading', async () => {
    const server = start({ COUNT: '2', WHAT: 'stops-early' })
    expect(await server.ended).toEqual({ code: 0, signal: null })
  })

  it('comes by force where a worker does not listen, and is told', async () => {
    const server = start({ COUNT: '2', WHAT: 'deaf', STOP_MS: '500' })
    const pids = await pidsOf(server, 2)
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 9, signal: null })
    expect((await server.until('stopped badly'))[0]).toMatchObject({ code: 'ERR_WORKERS_STOP' })
    expect(pids.filter(isAlive)).toEqual([])
  })

  it('comes at once to all where the primary does not wait for it', async () => {
    const server = start({ COUNT: '2' })
    const pids = await pidsOf(server, 2)
    const slow = server.get('/slow?ms=20000').catch(() => 'broken')
    await server.until('call begun')
    server.child.kill('SIGTERM')
    await server.until('draining', 2)
    server.child.kill('SIGINT')
    expect(await server.ended).toEqual({ code: 130, signal: null })
    expect(await slow).toBe('broken')
    await expect.poll(() => pids.filter(isAlive)).toEqual([])
  })

  it('tells of a worker that did not end well', async () => {
    const server = start({ COUNT: '2', WHAT: 'ends-badly' })
    await server.ready(2)
    server.child.kill('SIGTERM')
    expect(await server.ended).toEqual({ code: 9, signal: null })
    expect((await server.until('stopped badly'))[0]?.text).toMatch(/worker 1 ended with 4/)
  })

  it('comes to workers whose primary is gone, after their calls', async () => {
    const server = start({ COUNT: '2' })
    const pids = await pidsOf(server, 2)
    const slow = [server.get('/slow?ms=1500'), server.get('/slow?ms=1500')]
    await server.until('call begun', 2)
    const port = await server.port()
    server.child.kill('SIGKILL')
    // Node itself would have ended them at once.
    expect(await Promise.all(slow)).toHaveLength(2)
    expect((await server.until('draining', 2))[0]?.reason).toBe('orphaned')
    await expect.poll(() => pids.filter(isAlive), { timeout: 10_000 }).toEqual([])
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
  })
})

describe('questions', () => {
  it('go from a worker to the primary, and fail in time', async () => {
    const server = start({ COUNT: '1' })
    expect(await server.get('/ask?topic=double')).toEqual({ twice: 42, id: 1 })
    expect(await server.get('/ask?topic=unknown')).toEqual({ code: 'ERR_WORKERS_ANSWER' })
    expect(await server.get('/ask?topic=block&ms=100')).toEqual({ code: 'ERR_WORKERS_TIMEOUT' })
    expect(await server.get('/ask?topic=double')).toEqual({ twice: 42, id: 1 })
  })

  it('go to all workers, and those that do not answer hold up nobody for longer', async () => {
    const server = start({ COUNT: '2' })
    await server.ready(2)
    const { answers } = await server.askAll('who', { from: 'primary' })
    const payload = { from: 'primary' }
    expect(answers).toEqual([
      { id: 1, payload: { id: 1, payload, none: null } },
      { id: 2, payload: { id: 2, payload, none: null } },
    ])
    expect((await server.askAll('slow', undefined, 100)).answers).toEqual([
      { id: 1, code: 'ERR_WORKERS_TIMEOUT' },
      { id: 2, code: 'ERR_WORKERS_TIMEOUT' },
    ])
    expect((await server.askAll('fails')).answers[0]).toEqual({ id: 1, code: 'ERR_WORKERS_ANSWER' })
  })

  it('are not asked of a worker that is not ready, nor is it sent a signal', async () => {
    const server = start({ COUNT: '2', WHAT: 'never-ready' })
    const { answers, ready, list } = await server.askAll('who')
    expect(answers).toEqual([])
    expect(ready).toBe(0)
    expect(list).toHaveLength(2)
    await server.tell({ signal: 'SIGUSR2' })
    await sleep(200)
    expect((await server.askAll('who')).list).toHaveLength(2)
  })

  it('are no signals: those reach all that are ready', async () => {
    const server = start({ COUNT: '2' })
    await server.ready(2)
    await server.tell({ signal: 'SIGUSR2' })
    const ids = (await server.until('SIGUSR2', 2)).map(({ id }) => id)
    expect(ids.sort()).toEqual([1, 2])
  })
})

describe('limits', () => {
  it('are counted for all workers together, and no unit more', async () => {
    const server = start({ COUNT: '3' })
    await server.ready(3)
    const answers = await Promise.all(Array.from({ length: 40 }, () => server.get('/charge')))
    expect(answers.filter(({ allowed }) => allowed)).toHaveLength(10)
    expect(answers.every(({ local }) => local === 0)).toBe(true)
  })

  it('are each worker’s part of them while the primary does not answer', async () => {
    const server = start({ COUNT: '2' })
    await server.ready(2)
    // On one connection, since new ones are taken by the primary.
    const charge = () => server.getAgain('/charge?keep')
    expect(await charge()).toMatchObject({ allowed: true, away: false })
    server.child.kill('SIGSTOP')
    let allowed = 0
    for (let i = 0; i < 12; i++) allowed += Number((await charge()).allowed)
    server.child.kill('SIGCONT')
    expect(allowed).toBe(5)
    expect(await charge()).toMatchObject({ away: true })
    await expect.poll(async () => (await charge()).away, { timeout: 10_000 }).toBe(false)
  })
})

describe('a cap on connections', () => {
  it('refuses what is above it, without handing it round', async () => {
    const server = start({ COUNT: '2', MAX: '2' })
    await server.ready(2)
    const port = await server.port()
    let open = 0
    let closed = 0
    const sockets = Array.from({ length: 10 }, () =>
      connect(port, '127.0.0.1')
        .on('connect', () => open++)
        .on('close', () => closed++)
        .on('error', () => {})
        .resume(),
    )
    try {
      // By `maxConnections` they would stay open, and go from worker to worker for ever.
      await expect.poll(() => open, { timeout: 10_000 }).toBe(10)
      await expect.poll(() => closed, { timeout: 10_000 }).toBeGreaterThanOrEqual(6)
      // A worker that is busy is handed fewer than it could keep.
      expect(closed).toBeLessThanOrEqual(8)
    } finally {
      for (const socket of sockets) socket.destroy()
    }
    // Those that have left make room for others.
    await expect.poll(() => server.get('/who').then(() => 'served', String)).toBe('served')
  })
})
