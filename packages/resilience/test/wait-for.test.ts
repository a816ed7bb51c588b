import { getEventListeners, once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { NotReadyError, type RetryNotice, waitFor } from '../src/index.js'
import { never, outcomeOf, reset } from './support.js'

afterEach(() => {
  vi.useRealTimers()
})

/** A port on which nobody listens now. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const reach = (port: number) => async (signal: AbortSignal) => {
  const socket = connect({ port, host: '127.0.0.1', signal })
  try {
    await once(socket, 'connect')
  } finally {
    socket.destroy()
  }
}

it('waits for a real server that comes up later', async () => {
  const port = await freePort()
  const notices: RetryNotice[] = []
  const waiting = waitFor(
    { database: reach(port), cache: () => {} },
    { onRetry: (notice) => notices.push(notice) },
  )
  await vi.waitFor(() => expect(notices.length).toBeGreaterThan(1), { timeout: 10_000 })
  const server = createServer((socket) => socket.destroy()).listen(port, '127.0.0.1')
  await waiting
  server.close()
  expect(notices[0]).toMatchObject({
    name: 'database',
    attempt: 1,
    error: { code: 'ECONNREFUSED' },
  })
  expect(notices.map(({ attempt }) => attempt)).toEqual(notices.map((_, i) => i + 1))
})

it('names each dependency that never came, on one line with its last cause', async () => {
  const port = await freePort()
  const error = await waitFor(
    {
      database: reach(port),
      queue: never,
      cache: () => {},
      broken: () => {
        throw new Error('first\nsecond \u001b[31m', { cause: new Error('inner') })
      },
    },
    { timeoutMs: 400, attemptMs: 100 },
  ).catch((error) => error)
  expect(error).toBeInstanceOf(NotReadyError)
  expect(error).toMatchObject({ code: 'ERR_RESILIENCE_NOT_READY' })
  expect(error.faults).toEqual([
    `database: connect ECONNREFUSED 127.0.0.1:${port}`,
    expect.stringMatching(/^queue: .*attempt timeout of 100 ms$/),
    'broken: first second  [31m: inner',
  ])
  expect(error.message.split('\n').slice(1)).toEqual(error.faults)
})

describe('a fault', () => {
  const faultOf = async (error: unknown) => {
    const failing = waitFor({ db: () => Promise.reject(error) }, { timeoutMs: 1 })
    return (await failing.catch((error: NotReadyError) => error.faults[0])) ?? ''
  }

  it.each([
    ['postgres://app:hunter2@db:5432/app', 'db: no postgres://[hidden]@db:5432/app'],
    ['redis://:hunter2@cache', 'db: no redis://[hidden]@cache'],
    ['https://u:hun/t@er2@x/', 'db: no https://[hidden]@x/'],
  ])('hides the credentials of %s', async (url, line) => {
    expect(await faultOf(new Error(`no ${url}`))).toBe(line)
  })

  it.each([
    [new AggregateError([reset()]), 'db: read ECONNRESET'],
    [Object.assign(new Error(), { code: 'ECONNREFUSED' }), 'db: ECONNREFUSED'],
    [new TypeError('fetch failed', { cause: reset() }), 'db: fetch failed: read ECONNRESET'],
    ['text', 'db: text'],
    [undefined, 'db: unknown error'],
    [Object.create(null), 'db: failed without an Error'],
    [Symbol('s'), 'db: Symbol(s)'],
  ])('is readable whatever was thrown (%#)', async (error, line) => {
    expect(await faultOf(error)).toBe(line)
  })

  it('is cut when it is long', async () => {
    expect((await faultOf(new Error('x'.repeat(1_000_000)))).length).toBeLessThan(400)
    expect(await faultOf(new Error('//'.repeat(1_000_000)))).toMatch(/…$/)
  })
})

it('gives the last real failure, not that time was over while trying once more', async () => {
  let calls = 0
  const check = () => (++calls === 1 ? Promise.reject(reset()) : never())
  const error = await waitFor({ db: check }, { timeoutMs: 500 }).catch((error) => error)
  expect(calls).toBe(2)
  expect(error.faults).toEqual(['db: read ECONNRESET'])
})

it('ends with the reason of the signal at once, and stops the checks', async () => {
  const stop = new AbortController()
  const seen: AbortSignal[] = []
  const waiting = outcomeOf(
    waitFor(
      {
        hangs: (signal) => {
          seen.push(signal)
          return never()
        },
        fails: () => Promise.reject(reset()),
      },
      { signal: stop.signal },
    ),
  )
  await new Promise((resolve) => setTimeout(resolve, 20))
  const reason = new Error('SIGTERM')
  stop.abort(reason)
  expect(await waiting).toEqual({ error: reason })
  expect(seen[0]?.aborted).toBe(true)
  expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0)
  expect(await outcomeOf(waitFor({ db: never }, { signal: stop.signal }))).toEqual({
    error: reason,
  })
})

it('abandons an attempt that hangs and tries again, and leaves no timer', async () => {
  vi.useFakeTimers()
  let calls = 0
  const check = () => (++calls < 3 ? never() : undefined)
  const notices: RetryNotice[] = []
  const waiting = waitFor({ db: check }, { onRetry: (notice) => notices.push(notice) })
  await vi.advanceTimersByTimeAsync(11_000)
  await waiting
  expect(notices).toMatchObject([
    { attempt: 1, error: { code: 'ERR_RESILIENCE_TIMEOUT' } },
    { attempt: 2 },
  ])
  expect(vi.getTimerCount()).toBe(0)
})

it.each([
  [
    'throws',
    () => {
      throw new Error('log')
    },
  ],
  ['rejects', () => Promise.reject(new Error('log'))],
])('an onRetry that %s does not end the wait', async (_, onRetry) => {
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  let calls = 0
  const check = () => (++calls < 2 ? Promise.reject(reset()) : undefined)
  await waitFor({ db: check }, { onRetry })
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(unhandled).not.toHaveBeenCalled()
  process.off('unhandledRejection', unhandled)
})

it('with nothing to wait for is done', async () => {
  await waitFor({})
})
