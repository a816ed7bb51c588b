import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { InMemoryServerEventBus } from '@modelcontextprotocol/server'
import { describe, expect, it, vi } from 'vitest'
import { isSessionStream, memoryEventStore } from '../src/index.js'
import { begin, call, events, post, send } from './raw.js'
import { atEnd, serve } from './support.js'

describe('the stream of GET', () => {
  it('is one a session: who comes later takes it over', async () => {
    const bus = new InMemoryServerEventBus()
    const { url, sessions } = await serve({ bus })
    const { headers } = await begin(url)
    const first = events(await send(url, 'GET', headers))
    const second = events(await send(url, 'GET', headers))
    await first.reading
    expect(first.state.ended).toBe(true)
    bus.publish({ kind: 'tools_list_changed' })
    await vi.waitFor(() =>
      expect(second.messages()).toMatchObject([{ method: 'notifications/tools/list_changed' }]),
    )
    expect(first.messages()).toEqual([])
    await vi.waitFor(() => expect(sessions.state().streams).toBe(1))
  })

  it('survives many that come at once: one is left', async () => {
    const { url, sessions } = await serve({ eventStore: memoryEventStore() })
    const { headers } = await begin(url)
    const streams = (
      await Promise.all(Array.from({ length: 40 }, () => send(url, 'GET', headers)))
    ).map(events)
    await vi.waitFor(() => expect(streams.filter(({ state }) => state.ended)).toHaveLength(39))
    expect(sessions.state()).toMatchObject({ sessions: 1, streams: 1 })
  })

  it('survives a storm of clients that come back and go', async () => {
    const { url, sessions } = await serve({ eventStore: memoryEventStore() })
    const clients = await Promise.all(
      Array.from({ length: 10 }, (_, i) => begin(url, { 'x-principal': `p${i}` })),
    )
    for (let round = 0; round < 10; round++)
      await Promise.all(
        clients.map(async ({ headers }) => {
          const abort = new AbortController()
          const sent = fetch(url, {
            signal: abort.signal,
            headers: { ...headers, accept: 'text/event-stream', 'last-event-id': '0-1' },
          })
          setTimeout(() => abort.abort(), round * 3)
          await sent.then((response) => response.text()).catch(() => {})
        }),
      )
    await vi.waitFor(() =>
      expect(sessions.state()).toMatchObject({ sessions: 10, streams: 0, calls: 0 }),
    )
  })

  it('tells every session of a changed list, once it is initialized', async () => {
    const bus = new InMemoryServerEventBus()
    const { url } = await serve({ bus })
    const one = await begin(url)
    const two = await begin(url, { 'x-principal': 'bob' })
    const streams = [one, two].map(async ({ headers }) => events(await send(url, 'GET', headers)))
    const open = await Promise.all(streams)
    bus.publish({ kind: 'tools_list_changed' })
    bus.publish({ kind: 'prompts_list_changed' })
    for (const stream of open)
      await vi.waitFor(() =>
        expect(stream.messages()).toMatchObject([{ method: 'notifications/tools/list_changed' }]),
      )
  })

  it('is kept alive by comments, and primed for clients that understand it', async () => {
    const { url } = await serve({ keepAliveMs: 30, eventStore: memoryEventStore(), retryMs: 500 })
    const { headers } = await begin(url)
    const stream = events(await send(url, 'GET', headers))
    await vi.waitFor(() =>
      expect(stream.state.text.split(': keep-alive').length).toBeGreaterThan(3),
    )
    expect(stream.got).toHaveLength(1)
    expect(stream.got[0]?.id).toMatch(/^0-\d+$/)
    expect(stream.got[0]?.retry).toBeGreaterThanOrEqual(500)
    expect(stream.got[0]?.retry).toBeLessThanOrEqual(1000)
    const old = await begin(url, {}, '2025-06-18')
    const plain = events(await send(url, 'GET', old.headers))
    await vi.waitFor(() => expect(plain.state.text).toContain(': keep-alive'))
    expect(plain.got).toEqual([])
  })

  it('is what a shutdown need not wait for, unlike one that carries the answer to a call', async () => {
    const { url, sessions, server } = await serve({ eventStore: memoryEventStore() })
    const kinds: boolean[] = []
    server.on('request', (req, res) => setTimeout(() => kinds.push(isSessionStream(req, res)), 50))
    const { headers } = await begin(url)
    await send(url, 'GET', headers)
    const abort = new AbortController()
    const calling = await fetch(url, {
      method: 'POST',
      signal: abort.signal,
      headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify(call('wait', { ms: 20_000 })),
    })
    const reading = events(calling)
    await vi.waitFor(() => expect(reading.got).toHaveLength(1))
    abort.abort()
    await vi.waitFor(() => expect(sessions.state().detached).toBe(1))
    await send(url, 'GET', { ...headers, 'last-event-id': String(reading.got[0]?.id) })
    await vi.waitFor(() => expect(kinds).toEqual([false, false, true, false, false]))
  })
})

describe('a client that does not read', () => {
  /** Asks for something and leaves every byte of the answer in its socket. */
  async function deaf(url: URL, method: string, headers: Record<string, string>, body?: unknown) {
    const socket = connectSocket({ port: Number(url.port), host: url.hostname })
    atEnd(() => socket.destroy())
    await once(socket, 'connect')
    socket.pause()
    const text = body === undefined ? '' : JSON.stringify(body)
    const lines = Object.entries({
      host: 'x',
      accept: 'application/json, text/event-stream',
      ...headers,
      ...(text && { 'content-type': 'application/json', 'content-length': String(text.length) }),
    }).map(([name, value]) => `${name}: ${value}`)
    socket.write([`${method} /mcp HTTP/1.1`, ...lines, '', text].join('\r\n'))
    return socket
  }

  it('is cut off when too much waits for it, and its calls end', async () => {
    const bus = new InMemoryServerEventBus()
    const { url, sessions, server } = await serve({ bus, maxBufferBytes: 20_000 })
    let waiting = 0
    server.on('request', (_req, res) => {
      const timer = setInterval(() => {
        waiting = Math.max(waiting, res.writableLength)
      }, 1)
      res.once('close', () => clearInterval(timer))
    })
    const { headers } = await begin(url)
    await deaf(url, 'GET', headers)
    await vi.waitFor(() => expect(sessions.state().streams).toBe(1))
    for (let round = 0; sessions.state().streams > 0 && round < 2_000; round++) {
      for (let i = 0; i < 100; i++) bus.publish({ kind: 'tools_list_changed' })
      await sleep(1)
    }
    expect(sessions.state()).toMatchObject({ streams: 0, sessions: 1 })
    // What the limit allows and the last messages before it was seen.
    expect(waiting).toBeLessThan(60_000)
  })

  it('is cut off without progress for a minute, though little waits for it', async () => {
    const { url, server } = await serve()
    const { headers } = await begin(url)
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
    try {
      const answered = once(server, 'request')
      const socket = await deaf(url, 'POST', headers, call('size', { bytes: 30_000_000 }))
      const [, res] = await answered
      while (!res.writableEnded) await new Promise((resolve) => setImmediate(resolve))
      await new Promise((resolve) => setTimeout(resolve, 100))
      expect(res.destroyed).toBe(false)
      const gone = once(res, 'close')
      vi.advanceTimersByTime(90_000)
      await gone
      socket.destroy()
    } finally {
      vi.useRealTimers()
    }
  })

  it('holds one large answer at most on each connection', async () => {
    const { url, sessions } = await serve({ maxBufferBytes: 10_000 })
    const { headers } = await begin(url)
    const entries = Array.from({ length: 50 }, (_, id) => call('size', { bytes: 4_000_000 }, id))
    await deaf(url, 'POST', headers, entries)
    await vi.waitFor(() => expect(sessions.state().calls).toBe(0), 10_000)
    const heapMb = process.memoryUsage().external / 1024 / 1024
    expect(heapMb).toBeLessThan(150)
  })
})

it('a large answer arrives whole at a client that reads', async () => {
  const { url } = await serve({ maxBufferBytes: 10_000 })
  const { headers } = await begin(url)
  const answer = events(await post(url, call('size', { bytes: 3_000_000 }), headers))
  await answer.reading
  expect(JSON.stringify(answer.messages()[0]).length).toBeGreaterThan(3_000_000)
})
