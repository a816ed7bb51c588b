/** What a `subscriptions/listen` may cost before it is a stream. */
import type { AuthInfo } from '@modelcontextprotocol/server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import {
  type AbandonedEvent,
  defineResource,
  defineResourceTemplate,
  definitionsOf,
  type ToolHandlerOptions,
  type ToolServerOptions,
} from '../src/index.js'
import { listen, listenCall, messagesOf } from './listening.js'
import { serve } from './support.js'

const asked = { now: 0, most: 0, total: 0 }
let settle: ((permitted: boolean) => void)[] = []
afterEach(() => {
  Object.assign(asked, { now: 0, most: 0, total: 0 })
  settle = []
  vi.useRealTimers()
})

function begin() {
  asked.total++
  asked.now++
  asked.most = Math.max(asked.most, asked.now)
}

/** Settles when the test says so. */
function ask(): Promise<boolean> {
  begin()
  return new Promise((resolve) =>
    settle.push((permitted) => {
      asked.now--
      resolve(permitted)
    }),
  )
}

const held = defineResourceTemplate({
  name: 'held',
  uriTemplate: 'held://{id}',
  weight: 10,
  timeoutMs: 5000,
  permits: ask,
  run: () => '',
})
const quick = defineResourceTemplate({
  name: 'quick',
  uriTemplate: 'quick://{id}',
  async permits() {
    begin()
    await new Promise(setImmediate)
    asked.now--
    return true
  },
  run: () => '',
})
const hanging = defineResourceTemplate({
  name: 'hanging',
  uriTemplate: 'hanging://{id}',
  timeoutMs: 50,
  variables: z.object({ id: z.string().refine(ask) }),
  run: () => '',
})
const stuck = defineResourceTemplate({
  name: 'stuck',
  uriTemplate: 'stuck://{id}',
  timeoutMs: 20,
  permits: ask,
  run: () => '',
})
const open = defineResource({ name: 'open', uri: 'a://open', weight: 2, run: () => '' })
const resources = [held, quick, hanging, stuck, open]

const uris = (kind: string, count: number) =>
  Array.from({ length: count }, (_, id) => `${kind}://${id}`)
const listenTo = (url: URL, resourceSubscriptions: readonly string[]) =>
  listen(url, {}, listenCall(1, { resourceSubscriptions }))

function served(
  handler: ToolHandlerOptions = {},
  options: Partial<ToolServerOptions> = {},
  authOf?: () => AuthInfo,
) {
  const setting = { handler, ...(authOf && { authOf }) }
  return serve([], { resources, ...options }, [], setting)
}

describe('a listen that finds no place', () => {
  it.each([
    ['of the caller', { maxSubscriptionsPerPrincipal: 1 }, 429],
    ['of all', { maxSubscriptions: 1, maxSubscriptionsPerPrincipal: 1000 }, 503],
  ])('asks no permits: %s', async (_, limits, status) => {
    const { url, mcp } = await served(limits)
    const first = listenTo(url, ['held://0'])
    await vi.waitFor(() => expect(asked.total).toBe(1))
    expect(mcp.subscriptions.open).toBe(1)
    const others = await Promise.all(
      Array.from({ length: 10 }, () => listenTo(url, uris('quick', 100))),
    )
    expect(new Set(others.map((other) => other.status))).toEqual(new Set([status]))
    expect(asked.total).toBe(1)
    settle[0]?.(true)
    expect((await first).status).toBe(200)
  })
})

describe('the place of a listen', () => {
  it('is free again when the client goes away before it is a stream', async () => {
    const { url, mcp } = await served({ maxSubscriptionsPerPrincipal: 1 })
    const gone = new AbortController()
    const { body, headers } = listenCall(1, { resourceSubscriptions: uris('held', 100) })
    const request = fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...headers },
      body: JSON.stringify(body),
      signal: gone.signal,
    })
    request.catch(() => {})
    await vi.waitFor(() => expect(asked.total).toBeGreaterThan(0))
    const begun = asked.total
    gone.abort()
    await vi.waitFor(() => expect(mcp.subscriptions.open).toBe(0))
    for (const end of settle) end(true)
    expect((await listenTo(url, ['a://open'])).status).toBe(200)
    expect(asked.total).toBe(begun)
  })

  it('is free again when the listen is refused for what it asks', async () => {
    const secret = defineResource({ name: 's', uri: 's://s', scopes: ['x'], run: () => '' })
    const { url, mcp } = await served(
      { maxSubscriptionsPerPrincipal: 1 },
      { resources: [secret, open] },
    )
    for (const [wanted, status] of [
      [['s://s'], 403],
      [uris('many', 101), 400],
    ] as const) {
      expect((await listenTo(url, wanted)).status).toBe(status)
      expect(mcp.subscriptions.open).toBe(0)
    }
    expect((await listenTo(url, ['a://open'])).status).toBe(200)
  })

  it('is not for a token that expires meanwhile', async () => {
    const expiresAt = Math.ceil(Date.now() / 1000) + 1
    const authOf = () => ({ token: '', clientId: 'app', scopes: [], expiresAt })
    const { url, mcp } = await served({}, {}, authOf)
    const answer = listenTo(url, ['held://0'])
    await vi.waitFor(() => expect(asked.total).toBe(1))
    vi.spyOn(Date, 'now').mockReturnValue(expiresAt * 1000 + 1)
    settle[0]?.(true)
    expect((await answer).status).toBe(401)
    vi.restoreAllMocks()
    expect(mcp.subscriptions.open).toBe(0)
  })

  it('is none any more when the server closes meanwhile', async () => {
    const { url, mcp, toolServer } = await served()
    const answer = listenTo(url, uris('held', 3))
    await vi.waitFor(() => expect(asked.total).toBe(3))
    await mcp.close()
    expect((await answer).status).toBe(503)
    expect(mcp.subscriptions.open).toBe(0)
    expect([...toolServer.watched.uris()]).toEqual([])
  })
})

describe('what a listen names', () => {
  it('is looked at a few at a time, and all of it', async () => {
    const { url } = await served()
    const stream = await listenTo(url, uris('quick', 100))
    await vi.waitFor(() => expect(stream.said()).toContain('acknowledged'))
    const [{ params }] = messagesOf(stream.said())
    expect(params.notifications.resourceSubscriptions).toEqual(uris('quick', 100))
    expect(asked).toMatchObject({ total: 100, most: 4 })
  })

  it('is given up after its time, when its schema hangs too', async () => {
    const { url } = await served()
    const stream = await listenTo(url, ['hanging://1', 'a://open'])
    await vi.waitFor(() => expect(stream.said()).toContain('acknowledged'))
    const [{ params }] = messagesOf(stream.said())
    expect(params.notifications.resourceSubscriptions).toEqual(['a://open'])
    expect(asked.total).toBe(1)
  })

  it('has no more time than the request', async () => {
    const { url } = await served({}, { budget: (_, work) => work(30) })
    const stream = await listenTo(url, ['held://1', 'a://open'])
    await vi.waitFor(() => expect(stream.said()).toContain('acknowledged'))
    const [{ params }] = messagesOf(stream.said())
    expect(params.notifications.resourceSubscriptions).toEqual(['a://open'])
  })

  it('counts as abandoned when it goes on, and is then not begun again', async () => {
    const abandoned: AbandonedEvent[] = []
    const { url } = await served(
      {},
      { maxAbandoned: 1, onAbandoned: (event) => abandoned.push(event) },
    )
    const first = await listenTo(url, ['stuck://1'])
    await vi.waitFor(() => expect(abandoned).toHaveLength(1), 5000)
    expect(abandoned).toEqual([{ tool: 'resource:stuck', ended: false }])
    await (await listenTo(url, ['stuck://1', 'stuck://2'])).hangUp()
    expect(asked.total).toBe(1)
    settle[0]?.(true)
    await vi.waitFor(() => expect(abandoned).toHaveLength(2))
    first.hangUp()
  })
})

describe('the weight of a listen', () => {
  const { weightOf } = definitionsOf({ resources })
  const weightOfUris = (resourceSubscriptions: unknown) =>
    weightOf({
      method: 'subscriptions/listen',
      params: { notifications: { resourceSubscriptions } },
    })

  it.each([
    ['is that of all it names', [...uris('held', 7), 'a://open'], 72],
    ['counts a URI once', ['held://1', 'held://1'], 10],
    ['is one at least', [], 1],
    ['is one of what there is not', ['b://none', 7, 'c://none'], 1],
    ['is one of what is no list', { length: 100 }, 1],
  ])('%s', (_, named, weight) => {
    expect(weightOfUris(named)).toBe(weight)
  })
})
