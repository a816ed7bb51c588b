import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { memoryEventStore } from '../src/index.js'
import { begin, call, events, initializeBody, post, send } from './raw.js'
import { seen, serve } from './support.js'

const mallory = { 'x-principal': 'mallory' }
const begins = (url: URL, times: number, headers = {}) =>
  Promise.all(Array.from({ length: times }, () => post(url, initializeBody(), headers)))
const statuses = (responses: Response[]) => responses.map(({ status }) => status)

describe('one principal', () => {
  it('cannot have all sessions: others still get one', async () => {
    const onLimited = vi.fn()
    const { url, sessions } = await serve({ maxSessions: 6, onLimited })
    const flood = statuses(await begins(url, 30, mallory))
    expect(flood.filter((status) => status === 200)).toHaveLength(3)
    expect(new Set(flood)).toEqual(new Set([200, 429]))
    const refused = await post(url, initializeBody('2025-11-25', 'my-id'), mallory)
    expect(refused.headers.get('retry-after')).toBe('30')
    const details = {
      policy: 'sessions',
      scope: 'principal',
      limit: 3,
      retryAfterSeconds: 30,
      retryable: true,
    }
    expect(await refused.json()).toMatchObject({ id: 'my-id', error: { code: 429, data: details } })
    expect(onLimited).toHaveBeenLastCalledWith(expect.anything(), 'sessions', details)
    await begin(url)
    expect(sessions.state()).toMatchObject({ sessions: 4, principals: 2, created: 4 })
  })

  it('that never says it is initialized has its share and no more, until its sessions were idle for long', async () => {
    const { url, sessions } = await serve({ maxSessionsPerPrincipal: 5, idleMs: 4000 })
    expect(
      statuses(await begins(url, 20, mallory)).filter((status) => status === 200),
    ).toHaveLength(5)
    await vi.waitFor(
      () => expect(sessions.state()).toMatchObject({ sessions: 0, closedBy: { idle: 5 } }),
      15_000,
    )
    await begin(url, mallory)
  })

  it('gets a new one in place of the one it left for longest, never of one in use', async () => {
    const { url, closed } = await serve({ maxSessionsPerPrincipal: 3, evictAfterMs: 2000 })
    const one = await begin(url)
    const two = await begin(url)
    const three = await begin(url)
    const other = await begin(url, mallory)
    events(await send(url, 'GET', one.headers))
    events(await post(url, call('wait', { ms: 20_000 }), two.headers))
    expect((await post(url, initializeBody())).status).toBe(429)
    await sleep(2100)
    const four = await begin(url)
    expect(closed.map(({ reason }) => reason)).toEqual(['evicted'])
    expect((await post(url, call('whoami'), three.headers)).status).toBe(404)
    for (const { headers } of [one, two, four, other])
      expect((await post(url, call('whoami', {}, 8), headers)).status).toBe(200)
    await sleep(2100)
    events(await send(url, 'GET', four.headers))
    await vi.waitFor(async () => expect((await post(url, initializeBody())).status).toBe(429))
  })
})

it('has no more than so many of all, and says when to come again', async () => {
  const onLimited = vi.fn()
  const { url } = await serve({ maxSessions: 4, maxSessionsPerPrincipal: 1, onLimited })
  for (const who of ['a', 'b', 'c', 'd']) await begin(url, { 'x-principal': who })
  const refused = await post(url, initializeBody(), { 'x-principal': 'e' })
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30'])
  expect(onLimited.mock.lastCall?.[2]).toMatchObject({ scope: 'process', limit: 4 })
})

it('counts callers without a name by their network', async () => {
  const { url, sessions } = await serve({
    dangerouslyAllowAnonymous: true,
    maxSessionsPerPrincipal: 2,
    authenticate: () => undefined,
  })
  expect(statuses(await begins(url, 5)).sort()).toEqual([200, 200, 429, 429, 429])
  expect(sessions.state().principals).toBe(1)
})

describe('time', () => {
  it('ends a session that is idle, and none that is used, has a stream or runs a call', async () => {
    const { url, sessions, closed } = await serve({ idleMs: 1500 })
    const idle = await begin(url)
    const used = await begin(url)
    const streaming = await begin(url)
    const calling = await begin(url)
    const stream = events(await send(url, 'GET', streaming.headers))
    const answer = events(await post(url, call('wait', { ms: 4000 }), calling.headers))
    for (let round = 0; round < 10; round++) {
      expect((await post(url, call('whoami'), used.headers)).status).toBe(200)
      await sleep(300)
    }
    expect(closed.map(({ reason }) => reason)).toEqual(['idle'])
    expect((await post(url, call('whoami'), idle.headers)).status).toBe(404)
    await answer.reading
    expect(answer.state.text).toContain('waited')
    expect(stream.state.ended).toBe(false)
    await vi.waitFor(() => expect(sessions.state().sessions).toBe(1), 15_000)
  })

  it('notices an idle session also when all were in use as it last looked', async () => {
    const { url, closed } = await serve({ idleMs: 1000 })
    const { headers } = await begin(url)
    const abort = new AbortController()
    const signal = abort.signal
    const open = await fetch(url, { signal, headers: { ...headers, accept: 'text/event-stream' } })
    await sleep(2500)
    // Looked at here, since a response that nobody holds is closed when it is collected.
    expect([open.status, closed]).toEqual([200, []])
    abort.abort()
    await vi.waitFor(() => expect(closed.map(({ reason }) => reason)).toEqual(['idle']), 15_000)
  })

  it('ends every session at last, also one with a stuck stream, in the name of no request', async () => {
    const { url, sessions, closed } = await serve({ idleMs: 2000, maxAgeMs: 2000 })
    const { headers } = await begin(url)
    const stream = events(await send(url, 'GET', headers))
    const begun = performance.now()
    await stream.reading
    expect(stream.state.ended).toBe(true)
    expect(performance.now() - begun).toBeGreaterThan(300)
    expect(closed.map(({ reason }) => reason)).toEqual(['age'])
    expect(sessions.state()).toMatchObject({ sessions: 0, principals: 0, streams: 0 })
    expect((await send(url, 'GET', headers)).status).toBe(404)
  })

  it('lets calls in flight go on for a while when a session has its age', async () => {
    const { url, closed } = await serve({ idleMs: 1500, maxAgeMs: 1500 })
    const { headers } = await begin(url)
    const answer = events(await post(url, call('wait', { ms: 2500 }), headers))
    await answer.reading
    expect(answer.state.text).toContain('waited')
    await vi.waitFor(() => expect(closed.map(({ reason }) => reason)).toEqual(['age']), 15_000)
  })

  it('ends the stream of a GET after its time, the session goes on', async () => {
    const { url, sessions } = await serve({ maxStreamMs: 200 })
    const { headers } = await begin(url)
    await events(await send(url, 'GET', headers)).reading
    await vi.waitFor(() => expect(sessions.state()).toMatchObject({ sessions: 1, streams: 0 }))
  })
})

describe('calls that have lost their connection', () => {
  /** A client that begins a call, goes away, and does so again. */
  async function leave(url: URL, headers: Record<string, string>, times: number) {
    for (let id = 100; id < 100 + times; id++) {
      const abort = new AbortController()
      const response = await fetch(url, {
        method: 'POST',
        signal: abort.signal,
        headers: {
          ...headers,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(call('wait', { ms: 20_000 }, id)),
      })
      expect(response.status).toBe(200)
      abort.abort()
    }
  }

  it('end at once where nobody could come back for the answer', async () => {
    const { url, sessions } = await serve()
    const { headers } = await begin(url)
    const before = seen.cancelled
    await leave(url, headers, 5)
    await vi.waitFor(() => expect(seen.cancelled).toBe(before + 5))
    expect(sessions.state()).toMatchObject({ calls: 0, detached: 0 })
  })

  it('go on for a while, but are so few that no limit in front is got around', async () => {
    const { url, sessions } = await serve({
      eventStore: memoryEventStore(),
      maxDetachedCalls: 8,
      resumeWithinMs: 6000,
    })
    const { headers } = await begin(url)
    const before = seen.cancelled
    await leave(url, headers, 12)
    await vi.waitFor(() => expect(sessions.state()).toMatchObject({ calls: 2, detached: 2 }))
    const other = await begin(url, mallory)
    await leave(url, other.headers, 2)
    await vi.waitFor(() => expect(sessions.state()).toMatchObject({ calls: 4, detached: 4 }))
    await vi.waitFor(
      () => expect(sessions.state()).toMatchObject({ calls: 0, detached: 0 }),
      20_000,
    )
    expect(seen.cancelled).toBe(before + 14)
  })

  it('tell whoever comes too late that nobody waited', async () => {
    const { url, sessions } = await serve({ eventStore: memoryEventStore(), resumeWithinMs: 100 })
    const { headers } = await begin(url)
    await leave(url, headers, 1)
    await vi.waitFor(() => expect(sessions.state().calls).toBe(0))
    // The stream of initialize is the first.
    const late = events(await send(url, 'GET', { ...headers, 'last-event-id': '2-0' }))
    await late.reading
    expect(late.messages()).toMatchObject([{ id: 100, error: { code: 499 } }])
  })
})
