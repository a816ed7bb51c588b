import { once } from 'node:events'
import { Server } from '@modelcontextprotocol/server'
import { expect, it, vi } from 'vitest'
import { memoryEventStore } from '../src/index.js'
import { begin, call, events, initializeBody, post, send } from './raw.js'
import { connect, info, seen, serve } from './support.js'

it('ends all sessions, streams and calls, answers what is in flight, and begins no more', async () => {
  const { url, sessions, closed, server } = await serve({ eventStore: memoryEventStore() })
  const one = await begin(url)
  const two = await begin(url, { 'x-principal': 'bob' })
  const stream = events(await send(url, 'GET', one.headers))
  const before = seen.cancelled
  const calling = events(await post(url, call('wait', { ms: 20_000 }), two.headers))
  await vi.waitFor(() => expect(calling.got).toHaveLength(1))
  await sessions.close()
  await Promise.all([stream.reading, calling.reading])
  expect(stream.state.ended).toBe(true)
  expect(calling.messages()).toMatchObject([{ id: 7, error: { code: 503 } }])
  expect(seen.cancelled).toBe(before + 1)
  expect(closed.map(({ reason }) => reason)).toEqual(['shutdown', 'shutdown'])
  expect(sessions.state()).toMatchObject({
    sessions: 0,
    principals: 0,
    calls: 0,
    streams: 0,
    events: 0,
    bytes: 0,
  })
  for (const response of [
    await post(url, initializeBody()),
    await post(url, call('whoami'), one.headers),
  ])
    expect([
      response.status,
      response.headers.get('retry-after'),
      response.headers.get('connection'),
    ]).toEqual([503, '1', 'close'])
  server.close()
  server.closeIdleConnections()
  await once(server, 'close')
})

it('ends once, also a session that is just beginning', async () => {
  const ended = vi.fn()
  const { url, sessions, closed } = await serve({
    createServer: () => {
      const server = new Server(info, { capabilities: {} })
      server.setRequestHandler('initialize', () => new Promise(() => {}))
      server.onclose = ended
      return server
    },
  })
  const beginning = post(url, initializeBody())
  await vi.waitFor(() => expect(sessions.state().calls).toBe(1))
  await sessions.close()
  expect(await (await beginning).text()).toContain('shutting down')
  expect(ended).toHaveBeenCalledTimes(1)
  expect(closed.map(({ reason }) => reason)).toEqual(['shutdown'])
})

it('a session that begins meanwhile does not outlive it', async () => {
  let release = () => {}
  const { createTestServer } = await import('./support.js')
  const { url, sessions } = await serve({
    createServer: async (context) => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return createTestServer(context)
    },
  })
  const beginning = post(url, initializeBody())
  await vi.waitFor(() => expect(sessions.state().sessions).toBe(1))
  await sessions.close()
  release()
  expect((await beginning).status).toBe(503)
  expect(sessions.state().sessions).toBe(0)
})

it('DELETE while calls run and come: each is answered or refused, and none hangs', async () => {
  const { url, sessions } = await serve({ eventStore: memoryEventStore() })
  for (let round = 0; round < 5; round++) {
    const { headers } = await begin(url)
    const before = Array.from({ length: 5 }, (_, id) =>
      post(url, call('wait', { ms: 20_000 }, id), headers),
    )
    const running = (await Promise.all(before)).map(events)
    const [deleted, again, ...after] = await Promise.all([
      send(url, 'DELETE', headers),
      send(url, 'DELETE', headers),
      ...Array.from({ length: 5 }, (_, id) => post(url, call('whoami', {}, 100 + id), headers)),
    ])
    expect([deleted?.status, again?.status].sort()).toEqual([204, 404])
    for (const response of after) expect([200, 404]).toContain(response.status)
    await Promise.all(running.map(({ reading }) => reading))
    for (const stream of running)
      expect(stream.messages()).toMatchObject([{ error: { code: 404 } }])
    await Promise.all(after.map((response) => response.text()))
  }
  expect(sessions.state()).toMatchObject({ sessions: 0, calls: 0, detached: 0, events: 0 })
})

it('a server that closes itself ends its session, and a replica that is gone is a 404', async () => {
  const servers: { close(): Promise<void> }[] = []
  const { createTestServer } = await import('./support.js')
  const { url, closed } = await serve({
    createServer: async (context) => {
      const server = await createTestServer(context)
      servers.push(server)
      return server
    },
  })
  const { client, transport } = await connect(url)
  await servers[0]?.close()
  expect(closed.map(({ reason }) => reason)).toEqual(['failed'])
  await expect(client.listTools()).rejects.toMatchObject({ data: { status: 404 } })
  // As the specification has it, the client begins a new session without the old id.
  const again = await connect(url)
  expect((await again.client.listTools()).tools.length).toBeGreaterThan(0)
  expect(again.transport.sessionId).not.toBe(transport.sessionId)
})
