import { setTimeout as sleep } from 'node:timers/promises'
import { McpServer } from '@modelcontextprotocol/server'
import { expect, it, vi } from 'vitest'
import * as z from 'zod'
import { type EventStore, memoryEventStore } from '../src/index.js'
import { begin, call, events, initializeBody, post, send } from './raw.js'
import { createTestServer, info, serve } from './support.js'

/** A call whose connection is cut after its first event. */
async function cut(url: URL, headers: Record<string, string>, body: unknown) {
  const abort = new AbortController()
  const response = await fetch(url, {
    method: 'POST',
    signal: abort.signal,
    headers: { ...headers, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify(body),
  })
  const stream = events(response)
  await vi.waitFor(() => expect(stream.got.length).toBeGreaterThan(0))
  abort.abort()
  return { ...headers, 'last-event-id': String(stream.got[0]?.id) }
}

/** A server with a tool that reports a number of times, as fast as it can or slower. */
function reporting() {
  const server = new McpServer(info)
  server.registerTool(
    'report',
    { inputSchema: z.object({ times: z.int(), everyMs: z.int() }) },
    async ({ times, everyMs }, { mcpReq }) => {
      for (let progress = 1; progress <= times; progress++) {
        await mcpReq.notify({
          method: 'notifications/progress',
          params: { progressToken: 'p', progress },
        })
        if (everyMs > 0) await sleep(everyMs)
      }
      return { content: [{ type: 'text', text: 'reported' }] }
    },
  )
  return server
}

const progressOf = (messages: (Record<string, unknown> | undefined)[]) =>
  messages.flatMap(
    (message) => (message?.params as { progress?: number } | undefined)?.progress ?? [],
  )
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

/** A store somewhere else, that takes its time. */
function slowStore(ms: number): EventStore {
  const store = memoryEventStore()
  return {
    append: (...args) => sleep(ms).then(() => store.append(...args)),
    read: (...args) => sleep(ms).then(() => store.read(...args)),
    drop: (session) => sleep(ms).then(() => store.drop(session)),
  }
}

it.each([
  ['memory', memoryEventStore],
  ['a slow one', () => slowStore(20)],
])(
  'misses nothing, has nothing twice and keeps the order, however often it is cut: %s',
  async (_, store) => {
    const { url, sessions } = await serve({ createServer: reporting, eventStore: store() })
    const { headers } = await begin(url)
    let last = await cut(url, headers, call('report', { times: 60, everyMs: 15 }))
    const got: (Record<string, unknown> | undefined)[] = []
    for (let times = 0; times < 50; times++) {
      const abort = new AbortController()
      const response = await fetch(url, {
        signal: abort.signal,
        headers: { ...last, accept: 'text/event-stream' },
      })
      if (response.status === 204) break
      expect(response.status).toBe(200)
      const stream = events(response)
      await Promise.race([stream.reading, sleep(120)])
      abort.abort()
      await stream.reading
      got.push(...stream.messages())
      const ids = stream.got.flatMap(({ id }) => id ?? [])
      last = { ...last, 'last-event-id': ids.at(-1) ?? last['last-event-id'] }
      if (stream.state.ended) break
    }
    expect(progressOf(got)).toEqual(numbers(60))
    expect(got.at(-1)).toMatchObject({ id: 7, result: { content: [{ text: 'reported' }] } })
    await vi.waitFor(() =>
      expect(sessions.state()).toMatchObject({ calls: 0, detached: 0, lost: 0 }),
    )
  },
)

it('a stream that has ended is told once more as far as it is kept, and then never again', async () => {
  const { url } = await serve({
    createServer: reporting,
    eventStore: memoryEventStore({ maxEventsPerSession: 5 }),
  })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('report', { times: 20, everyMs: 0 }), headers))
  await stream.reading
  expect(progressOf(stream.messages())).toEqual(numbers(20))
  const again = events(
    await send(url, 'GET', { ...headers, 'last-event-id': String(stream.got[0]?.id) }),
  )
  await again.reading
  expect(progressOf(again.messages())).toEqual([17, 18, 19, 20])
  const over = await send(url, 'GET', { ...headers, 'last-event-id': String(again.got.at(-1)?.id) })
  expect(over.status).toBe(204)
})

it('goes to one connection only: two that resume at once share nothing', async () => {
  const { url } = await serve({ createServer: reporting, eventStore: slowStore(20) })
  const { headers } = await begin(url)
  const last = await cut(url, headers, call('report', { times: 20, everyMs: 20 }))
  const [one, two] = (await Promise.all([send(url, 'GET', last), send(url, 'GET', last)])).map(
    events,
  )
  await Promise.all([one?.reading, two?.reading])
  const ends = [one, two].map((stream) => progressOf(stream?.messages() ?? []).at(-1))
  expect(ends.filter((end) => end === 20)).toHaveLength(1)
  const winner = ends.indexOf(20) === 0 ? one : two
  expect(progressOf(winner?.messages() ?? [])).toEqual(numbers(20))
})

it('counts a call that leaves its connection while that is still there, and gives its place back', async () => {
  const { url, sessions } = await serve({
    createServer: createTestServer,
    eventStore: memoryEventStore(),
    maxDetachedCalls: 8,
  })
  const { headers } = await begin(url)
  const move = async (id: number, ms: number) => {
    const left = events(await post(url, call('wait', { ms }, id), headers))
    await vi.waitFor(() => expect(left.got).toHaveLength(1))
    const last = { ...headers, 'last-event-id': String(left.got[0]?.id) }
    return { left, response: await send(url, 'GET', last) }
  }
  const short = [await move(10, 1500), await move(11, 1500)]
  expect(short.map(({ response }) => response.status)).toEqual([200, 200])
  await Promise.all(short.map(({ left }) => left.reading))
  expect(sessions.state()).toMatchObject({ calls: 2, detached: 2 })

  const refused = await move(12, 3000)
  expect(refused.response.status).toBe(429)
  expect(refused.response.headers.get('retry-after')).toBe('1')
  expect(sessions.state()).toMatchObject({ calls: 3, detached: 2 })

  const streams = short.map(({ response }) => events(response))
  await Promise.all(streams.map(({ reading }) => reading))
  for (const stream of streams) expect(stream.state.text).toContain('waited')
  expect(sessions.state()).toMatchObject({ calls: 1, detached: 0 })
  // It was left where it was.
  await refused.left.reading
  expect(refused.left.state.text).toContain('waited')
})

it('takes no place twice: a call that moves again and again, and ends without a connection', async () => {
  const { url, sessions } = await serve({
    createServer: createTestServer,
    eventStore: memoryEventStore(),
    maxDetachedCalls: 4,
    resumeWithinMs: 300,
  })
  const { headers } = await begin(url)
  const left = events(await post(url, call('wait', { ms: 20_000 }), headers))
  await vi.waitFor(() => expect(left.got).toHaveLength(1))
  const last = { ...headers, 'last-event-id': String(left.got[0]?.id) }
  for (let times = 0; times < 3; times++) {
    const abort = new AbortController()
    const response = await fetch(url, {
      signal: abort.signal,
      headers: { ...last, accept: 'text/event-stream' },
    })
    expect([response.status, sessions.state().detached]).toEqual([200, 1])
    if (times > 0) abort.abort()
  }
  await vi.waitFor(() => expect(sessions.state()).toMatchObject({ calls: 0, detached: 0 }))
})

it('is not for the stream of initialize, which has no ids', async () => {
  let answer = () => {}
  const { url, sessions } = await serve({
    eventStore: memoryEventStore(),
    createServer: () => {
      const server = new McpServer(info, { capabilities: {} })
      server.server.setRequestHandler('initialize', async () => {
        await new Promise<void>((resolve) => {
          answer = resolve
        })
        return { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: info }
      })
      return server
    },
  })
  const response = await post(url, initializeBody())
  const id = String(response.headers.get('mcp-session-id'))
  const last = { 'x-principal': 'alice', 'mcp-session-id': id, 'last-event-id': '1-0' }
  expect((await send(url, 'GET', last)).status).toBe(204)
  answer()
  expect(await response.text()).toContain('serverInfo')
  expect(sessions.state()).toMatchObject({ sessions: 1, calls: 0, detached: 0 })
})

it('is the server’s choice too: it ends a connection, and the client comes back for the answer', async () => {
  const { url } = await serve({
    eventStore: memoryEventStore(),
    createServer() {
      const server = new McpServer(info)
      server.registerTool('poll', { inputSchema: z.object({}) }, async (_input, { http }) => {
        http?.closeSSE?.()
        await sleep(200)
        return { content: [{ type: 'text', text: 'later' }] }
      })
      return server
    },
  })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('poll'), headers))
  await stream.reading
  expect(stream.state.ended).toBe(true)
  expect(stream.messages()).toEqual([])
  const later = events(
    await send(url, 'GET', { ...headers, 'last-event-id': String(stream.got[0]?.id) }),
  )
  await later.reading
  expect(later.state.text).toContain('later')
})

it.each([
  [
    'throws',
    () => {
      throw new Error('down')
    },
  ],
  ['rejects', () => Promise.reject(new Error('down'))],
  ['hangs', () => new Promise<never>(() => {})],
])('a store that %s costs what is missed, and no call', async (how, fail) => {
  const store: EventStore = {
    append: fail,
    read: fail as unknown as EventStore['read'],
    drop: fail,
  }
  const { url, sessions, errors } = await serve({ eventStore: store })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('whoami'), headers))
  await stream.reading
  expect(stream.state.text).toContain('alice')
  const missed = await send(url, 'GET', { ...headers, 'last-event-id': String(stream.got[0]?.id) })
  expect([missed.status, missed.headers.get('retry-after')]).toEqual([503, '1'])
  expect((await send(url, 'DELETE', headers)).status).toBe(204)
  if (how === 'hangs') return
  expect(sessions.state().lost).toBeGreaterThan(0)
  expect(errors.map(({ message }) => message)).toContain('an event could not be stored')
})

it('loses events rather than hold ever more of them for a store that hangs', async () => {
  const store: EventStore = { append: () => new Promise(() => {}), read: () => [], drop: () => {} }
  const { url, sessions } = await serve({ createServer: reporting, eventStore: store })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('report', { times: 1500, everyMs: 0 }), headers))
  await stream.reading
  expect(progressOf(stream.messages())).toHaveLength(1500)
  expect(sessions.state().lost).toBe(501)
})

it('is not offered without a store: no ids, and GET opens a new stream', async () => {
  const { url } = await serve({ createServer: createTestServer })
  const { headers } = await begin(url)
  const stream = events(await post(url, call('whoami'), headers))
  await stream.reading
  expect(stream.got.map(({ id }) => id)).toEqual([undefined])
  const open = await send(url, 'GET', { ...headers, 'last-event-id': '2-0' })
  expect(open.status).toBe(200)
})
