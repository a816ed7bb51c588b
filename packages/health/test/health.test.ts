import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  type Check,
  type ChecksOptions,
  dependencyChecks,
  live,
  type ReadyOptions,
  ready,
  startup,
} from '../src/index.js'

interface ProbeBody {
  status: string
  checks: Record<string, { status: string }>
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface ServeOptions extends ChecksOptions, ReadyOptions {
  isStarted?: () => boolean
}

async function serve(checks: Record<string, Check>, options: ServeOptions = {}) {
  const { isStarted = () => true } = options
  const app = express()
  const report = dependencyChecks(checks, options)
  app.get('/health', live(report, options))
  app.get('/startup', startup(isStarted))
  app.get('/ready', ready(report, options))
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    const body = (await response.json()) as ProbeBody
    return { status: response.status, headers: response.headers, body }
  }
}

const never = () => new Promise(() => {})

describe('ready', () => {
  it('answers 200 with the detail of each check when all are up', async () => {
    const get = await serve({
      db: { run: () => 1 },
      cache: { run: async () => {}, critical: false },
    })
    const { status, body, headers } = await get('/ready')
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      status: 'ready',
      checks: {
        db: { status: 'up', critical: true, durationMs: expect.any(Number) },
        cache: { status: 'up', critical: false, durationMs: expect.any(Number) },
      },
    })
  })

  it('answers 503 while a critical check is down, and tells nothing of its error', async () => {
    const run = () => Promise.reject(new Error('connect postgres://app:hunter2@10.0.0.7 failed'))
    const get = await serve({ db: { run } })
    const { status, body } = await get('/ready')
    expect(status).toBe(503)
    expect(body).toMatchObject({
      status: 'not ready',
      reason: 'dependency',
      checks: { db: { status: 'down' } },
    })
    expect(JSON.stringify(body)).not.toMatch(/hunter2|10\.0\.0\.7|at .*\.ts/)
  })

  it('stays 200 while only an uncritical check is down', async () => {
    const get = await serve({
      cache: { run: () => Promise.reject(new Error('gone')), critical: false },
    })
    const { status, body } = await get('/ready')
    expect(status).toBe(200)
    expect(body.checks.cache?.status).toBe('down')
  })

  it('turns a synchronous throw into down', async () => {
    const run = () => {
      throw new Error('sync')
    }
    expect((await (await serve({ db: { run } }))('/ready')).status).toBe(503)
  })

  it('gives the reason while blocked, and leaves the dependencies alone', async () => {
    const run = vi.fn()
    let reason: string | undefined = 'starting'
    const get = await serve({ db: { run } }, { blockedBy: () => reason })
    expect(await get('/ready')).toMatchObject({
      status: 503,
      body: { status: 'not ready', reason: 'starting' },
    })
    expect(run).not.toHaveBeenCalled()
    reason = undefined
    expect((await get('/ready')).status).toBe(200)
  })

  it('gives up on a check at its own timeout, aborts its signal and does not wait for the others', async () => {
    let signal: AbortSignal | undefined
    const slow: Check = {
      timeoutMs: 30,
      run: (given) => {
        signal = given
        return never()
      },
    }
    const get = await serve({ slow, quick: { run: () => {} } })
    const { status, body } = await get('/ready')
    expect(status).toBe(503)
    expect(body.checks).toMatchObject({ slow: { status: 'timeout' }, quick: { status: 'up' } })
    expect(signal?.aborted).toBe(true)
  })
})

describe('live', () => {
  it('answers at once that the process works while a dependency hangs, which it never looks at', async () => {
    const run = vi.fn(never)
    const get = await serve({ db: { run } })
    const { status, body, headers } = await get('/health')
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({ status: 'ok', uptimeSeconds: expect.any(Number) })
    expect(run).not.toHaveBeenCalled()
  })

  it('stays 200 and shows what readiness found last', async () => {
    const run = vi.fn(() => Promise.reject(new Error('gone')))
    const get = await serve({ db: { run } })
    expect((await get('/ready')).status).toBe(503)
    const { status, body } = await get('/health')
    expect(status).toBe(200)
    expect(body).toMatchObject({ status: 'degraded', checks: { db: { status: 'down' } } })
    expect(run).toHaveBeenCalledOnce()
  })
})

describe('startup', () => {
  it('answers 503 until the server has started, and 200 from then on', async () => {
    let started = false
    const isStarted = vi.fn(() => started)
    const get = await serve({}, { isStarted })
    for (let i = 0; i < 2; i++) {
      const { status, body, headers } = await get('/startup')
      expect(status).toBe(503)
      expect(headers.get('cache-control')).toBe('no-store')
      expect(body).toEqual({ status: 'starting' })
    }
    started = true
    expect(await get('/startup')).toMatchObject({ status: 200, body: { status: 'started' } })
    started = false
    expect((await get('/startup')).status).toBe(200)
    expect(isStarted).toHaveBeenCalledTimes(3)
  })

  it('takes no other value for true', async () => {
    const get = await serve({}, { isStarted: () => Promise.resolve(false) as never })
    expect((await get('/startup')).status).toBe(503)
  })

  it('refuses what is no function at creation', () => {
    expect(() => startup(true as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_HEALTH_OPTION',
        message: expect.stringContaining('isStarted'),
      }),
    )
  })
})

it('names no dependency with detail off, on either probe', async () => {
  const get = await serve(
    { payments: { run: () => Promise.reject(new Error('gone')) } },
    { detail: false },
  )
  const answers = [await get('/ready'), await get('/health')]
  expect(answers.map(({ status }) => status)).toEqual([503, 200])
  expect(JSON.stringify(answers)).not.toContain('payments')
})

describe('dependencyChecks', () => {
  it('runs each check once for a hundred probes at the same time, and again when the cache is old', async () => {
    const run = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 20)))
    const checks = dependencyChecks({ db: { run } }, { cacheMs: 40 })
    await Promise.all(Array.from({ length: 100 }, checks))
    await checks()
    expect(run).toHaveBeenCalledTimes(1)
    await new Promise((resolve) => setTimeout(resolve, 60))
    await checks()
    expect(run).toHaveBeenCalledTimes(2)
  })

  it('runs checks at the same time', async () => {
    const run = () => new Promise((resolve) => setTimeout(resolve, 100))
    const started = performance.now()
    await dependencyChecks({ a: { run }, b: { run }, c: { run }, d: { run } })()
    expect(performance.now() - started).toBeLessThan(350)
  })

  it('never has two runs of a check that ignores its signal', async () => {
    const run = vi.fn(never)
    const checks = dependencyChecks({ hung: { run, timeoutMs: 5 } }, { cacheMs: 0 })
    for (let i = 0; i < 5; i++) expect((await checks()).checks.hung?.status).toBe('timeout')
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('recovers when a hung check fails late, without an unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    closers.push(() => process.off('unhandledRejection', unhandled))
    let calls = 0
    const run = () =>
      calls++ ? undefined : new Promise((_, reject) => setTimeout(reject, 20, new Error('late')))
    const checks = dependencyChecks({ db: { run, timeoutMs: 5 } }, { cacheMs: 0 })
    expect((await checks()).ok).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 40))
    expect((await checks()).ok).toBe(true)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('tells onChange of each change once, with the error, and survives a listener that throws', async () => {
    let fail = true
    const seen: unknown[] = []
    const checks = dependencyChecks(
      { db: { run: () => (fail ? Promise.reject(new Error('gone')) : undefined) } },
      {
        cacheMs: 0,
        onChange: (...change) => {
          seen.push(change)
          throw new Error('listener')
        },
      },
    )
    await checks()
    await checks()
    fail = false
    await checks()
    expect(seen).toEqual([
      ['db', 'down', new Error('gone')],
      ['db', 'up', undefined],
    ])
  })

  it.each([
    ['cacheMs', () => dependencyChecks({}, { cacheMs: -1 })],
    ['timeoutMs of check "db"', () => dependencyChecks({ db: { run: never, timeoutMs: 0 } })],
    [
      'timeoutMs of check "db"',
      () => dependencyChecks({ db: { run: never, timeoutMs: Number.NaN } }),
    ],
  ])('refuses a wrong %s at creation, by name', (option, create) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_HEALTH_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  })
})
