import { Client } from '@modelcontextprotocol/client'
import { InMemoryServerEventBus, InMemoryTransport } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import {
  createToolServer,
  defineResource,
  defineResourceTemplate,
  defineTool,
  type ToolServer,
  type ToolServerOptions,
  toolHandler,
} from '../src/index.js'
import { ask } from './asking.js'
import { listen, listenCall, messagesOf } from './listening.js'
import { connect, info, modern, serve } from './support.js'

const open = defineResource({ name: 'open', uri: 'a://open', run: () => 'x' })
const secret = defineResource({
  name: 'secret',
  uri: 'a://secret',
  scopes: ['admin'],
  run: () => '',
})
const own = defineResourceTemplate({
  name: 'own',
  uriTemplate: 'own://{who}/{+path}',
  permits: ({ variables: { who } }, principal) => {
    if (who === 'broken') throw new Error('password=hunter2')
    return who === principal?.id
  },
  run: ({ variables: { who } }) => `of ${who}`,
})
const touch = defineTool({
  name: 'touch',
  description: 'Changes a resource',
  input: z.object({ uri: z.string() }),
  run({ uri }, { notify }) {
    notify.resourceUpdated(uri)
    return 'done'
  },
})
const resources = [open, secret, own]
const served = (scopes: string[] = []) => serve([touch], { resources }, scopes)
const listenTo = (url: URL, uris: unknown[]) =>
  listen(url, {}, listenCall(1, { resourceSubscriptions: uris }))

describe('subscriptions/listen', () => {
  it('tells of the resources it was asked for, and of no other', async () => {
    const { url, mcp } = await served()
    const stream = await listenTo(url, ['a://open', 'own://alice/x'])
    await vi.waitFor(() => expect(stream.said()).toContain('acknowledged'))
    for (const uri of ['own://alice/y', 'a://secret', 'a://open']) mcp.notify.resourceUpdated(uri)
    await (await connect(url)).callTool({ name: 'touch', arguments: { uri: 'own://alice/x' } })
    await vi.waitFor(() => expect(stream.said()).toContain('{"uri":"own://alice/x"'))
    const updated = messagesOf(stream.said())
      .filter(({ method }) => method === 'notifications/resources/updated')
      .map(({ params }) => params.uri)
    expect(updated).toEqual(['a://open', 'own://alice/x'])
  })

  it('says which resources are waited for, for as long as they are', async () => {
    const { url, toolServer } = await served()
    const waited = () => [...toolServer.watched.uris()].sort()
    const streams = await Promise.all([
      listenTo(url, ['a://open', 'own://alice/x', 'own://bob/x']),
      listenTo(url, ['a://open']),
    ])
    for (const { said } of streams) await vi.waitFor(() => expect(said()).toContain('acknowledged'))
    expect(waited()).toEqual(['a://open', 'own://alice/x'])
    streams[0]?.hangUp()
    await vi.waitFor(() => expect(waited()).toEqual(['a://open']))
    streams[1]?.hangUp()
    await vi.waitFor(() => expect(waited()).toEqual([]))
  })

  it('is refused with the scopes that are missing for any of them', async () => {
    const { url, mcp } = await served()
    const stream = await listenTo(url, ['a://open', 'a://secret'])
    expect(stream.status).toBe(403)
    expect(JSON.parse(await stream.ended).error).toMatchObject({
      code: 403,
      data: { requiredScopes: ['admin'] },
    })
    expect(mcp.subscriptions.open).toBe(0)
    expect((await listenTo((await served(['admin'])).url, ['a://secret'])).status).toBe(200)
  })

  it('hears nothing of what its caller may not read, or what there is not', async () => {
    const { url, mcp, logger } = await served()
    const hidden = ['own://bob/x', 'own://broken/x', 'b://none', 'own://alice/..', '__proto__']
    const stream = await listenTo(url, ['a://open', ...hidden, 'a://open'])
    await vi.waitFor(() => expect(stream.said()).toContain('acknowledged'))
    const [acknowledged] = messagesOf(stream.said())
    expect(acknowledged.params.notifications).toEqual({ resourceSubscriptions: ['a://open'] })
    for (const uri of hidden) mcp.notify.resourceUpdated(uri)
    mcp.notify.resourceUpdated('a://open')
    await vi.waitFor(() => expect(stream.said()).toContain('updated'))
    for (const uri of hidden) expect(stream.said()).not.toContain(uri)
    expect(stream.said()).not.toContain('hunter2')
    expect(logger.error).toHaveBeenCalledWith('permits failed', expect.anything())
  })

  it('takes no more URIs than a bound', async () => {
    const { url, mcp } = await served()
    const many = Array.from({ length: 5000 }, (_, index) => `own://alice/${index}`)
    const stream = await listenTo(url, many)
    expect(stream.status).toBe(400)
    expect(JSON.parse(await stream.ended).error.code).toBe(-32602)
    expect(mcp.subscriptions.open).toBe(0)
  })
})

it('reads what is permitted, and hides the rest as if it did not exist', async () => {
  const { url } = await served()
  const read = (uri: string) => ask(url, 'modern', 'resources/read', { uri })
  expect((await read('own://alice/x')).result.contents[0].text).toBe('of alice')
  const hidden = await read('own://bob/x')
  expect(hidden.error).toEqual({
    code: -32602,
    message: 'Resource not found',
    data: { uri: 'own://bob/x' },
  })
})

it('does not read what is permitted only after its caller was told that the time is over', async () => {
  let permit = (_: boolean) => {}
  const run = vi.fn(() => '')
  const slow = defineResourceTemplate({
    name: 'slow',
    uriTemplate: 'slow://{id}',
    timeoutMs: 30,
    permits: () =>
      new Promise<boolean>((resolve) => {
        permit = resolve
      }),
    run,
  })
  const { url } = await serve([], { resources: [slow] })
  const { error } = await ask(url, 'modern', 'resources/read', { uri: 'slow://1' })
  expect(error?.code).toBe(504)
  permit(true)
  await new Promise(setImmediate)
  expect(run).not.toHaveBeenCalled()
})

/** A client of the 2025 revisions on an instance that lasts, as in a session or over stdio. */
async function session(served: ToolServerOptions['resources'] = resources) {
  const server = createToolServer([touch], { ...info, resources: served ?? [] })
  const instance = await server({ era: 'legacy' })
  const [near, far] = InMemoryTransport.createLinkedPair()
  await instance.connect(far)
  const client = new Client(info)
  const updated: string[] = []
  const changed = vi.fn()
  client.setNotificationHandler('notifications/resources/updated', ({ params }) => {
    updated.push(params.uri)
  })
  client.setNotificationHandler('notifications/tools/list_changed', changed)
  await client.connect(near)
  return { server, client, updated, changed, instance }
}

describe('resources/subscribe in a session', () => {
  it('tells of what was subscribed, until it is unsubscribed or closed', async () => {
    const { server, client, updated, changed } = await session()
    await client.subscribeResource({ uri: 'a://open' })
    server.notify.resourceUpdated('a://open')
    server.notify.resourceUpdated('own://alice/x')
    server.notify.toolsChanged()
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(1))
    expect(updated).toEqual(['a://open'])
    expect([...server.watched.uris()]).toEqual(['a://open'])
    await client.unsubscribeResource({ uri: 'a://open' })
    expect([...server.watched.uris()]).toEqual([])
    server.notify.resourceUpdated('a://open')
    server.notify.toolsChanged()
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2))
    expect(updated).toEqual(['a://open'])
    await client.close()
    const { listenerCount } = server.bus as unknown as { listenerCount: number }
    expect(listenerCount).toBe(0)
  })

  describe('that ends after', () => {
    /** A subscription that waits for its `permits`. */
    async function pending(timeoutMs = 5000) {
      const asked: ((permitted: boolean) => void)[] = []
      const slow = defineResourceTemplate({
        name: 'slow',
        uriTemplate: 'slow://{id}',
        timeoutMs,
        permits: () => new Promise<boolean>((resolve) => asked.push(resolve)),
        run: () => '',
      })
      const opened = await session([slow, open])
      const gone = new AbortController()
      const { signal } = gone
      const answer = opened.client.subscribeResource({ uri: 'slow://1' }, { signal })
      const failed = answer.then(
        () => false,
        () => true,
      )
      await vi.waitFor(() => expect(asked).toHaveLength(1))
      return { ...opened, gone, failed, permit: () => asked[0]?.(true) }
    }
    const settled = () => new Promise((resolve) => setTimeout(resolve, 20))
    const heardBy = ({ bus, watched }: ToolServer) => {
      const { listenerCount } = bus as unknown as { listenerCount: number }
      return [listenerCount, ...watched.uris()]
    }

    it('its session hears nothing', async () => {
      const { server, client, permit, failed } = await pending()
      await client.close()
      expect(await failed).toBe(true)
      permit()
      await settled()
      expect(heardBy(server)).toEqual([0])
    })

    it('its time, or was cancelled, is none', async () => {
      for (const cancel of [true, false]) {
        const { server, permit, failed, gone } = await pending(cancel ? 5000 : 30)
        if (cancel) gone.abort()
        expect(await failed).toBe(true)
        await settled()
        permit()
        await settled()
        expect(heardBy(server)).toEqual([1])
      }
    })

    it('the instance was closed by who hides its end from us', async () => {
      const { server, instance, permit } = await pending()
      const { transport } = 'server' in instance ? instance.server : instance
      // Nothing aborts, but nobody is there.
      Object.assign('server' in instance ? instance.server : instance, { _transport: undefined })
      permit()
      await settled()
      expect(heardBy(server)).toEqual([1])
      await transport?.close()
    })
  })

  it('leaves the bus also when another took its place at the end', async () => {
    const { server, client, instance } = await session()
    Object.assign('server' in instance ? instance.server : instance, { onclose: () => {} })
    await client.close()
    server.notify.toolsChanged()
    const { listenerCount } = server.bus as unknown as { listenerCount: number }
    expect(listenerCount).toBe(0)
  })

  it('is refused for what may not be read, what there is not, and beyond a bound', async () => {
    const { client } = await session()
    const denied = client.subscribeResource({ uri: 'a://secret' })
    await expect(denied).rejects.toMatchObject({ code: 403, data: { requiredScopes: ['admin'] } })
    for (const uri of ['b://none', 'own://bob/x', 'own://undefined/..'])
      await expect(client.subscribeResource({ uri })).rejects.toMatchObject({ code: -32602 })
    const many = defineResourceTemplate({ name: 'm', uriTemplate: 'm://{id}', run: () => '' })
    const instance = await createToolServer([], { ...info, resources: [many] })({ era: 'legacy' })
    const [near, far] = InMemoryTransport.createLinkedPair()
    await instance.connect(far)
    const other = new Client(info)
    await other.connect(near)
    for (let id = 0; id < 100; id++) await other.subscribeResource({ uri: `m://${id}` })
    await expect(other.subscribeResource({ uri: 'm://100' })).rejects.toMatchObject({ code: 422 })
    await other.subscribeResource({ uri: 'm://7' })
  })

  it('keeps nothing of an instance that serves one request', async () => {
    const bus = new InMemoryServerEventBus()
    const { url } = await serve([touch], { resources, bus })
    const { result } = await ask(url, 'legacy', 'resources/subscribe', { uri: 'a://open' })
    expect(result).toEqual({})
    const denied = await ask(url, 'legacy', 'resources/subscribe', { uri: 'a://secret' })
    expect(denied.error?.code).toBe(403)
    const initialized = { jsonrpc: '2.0', method: 'notifications/initialized' }
    await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify(initialized),
    })
    expect(bus.listenerCount).toBe(0)
  })
})

it('has one bus: that of the handler, or the one that was chosen', async () => {
  const [one, two] = [new InMemoryServerEventBus(), new InMemoryServerEventBus()]
  const chosen = createToolServer([], { ...info, bus: one })
  expect(() => toolHandler(chosen, { bus: two })).toThrow(
    expect.objectContaining({ code: 'ERR_TOOLS_OPTION' }),
  )
  const heard = vi.fn()
  two.subscribe(heard)
  const open = createToolServer([], info)
  const handler = toolHandler(open, { bus: two })
  open.notify.toolsChanged()
  handler.notify.promptsChanged()
  expect(heard.mock.calls.flat().map(({ kind }) => kind)).toEqual([
    'tools_list_changed',
    'prompts_list_changed',
  ])
})

it('tells a client of 2026-07-28 over stdio what it listens to, and nothing else', async () => {
  const server = createToolServer([touch], { ...info, resources, dangerouslyIgnoreScopes: true })
  const [near, far] = InMemoryTransport.createLinkedPair()
  const messages: { method?: string; params?: { uri?: string } }[] = []
  near.onmessage = (message) => messages.push(message as (typeof messages)[number])
  await near.start()
  const handle = serveStdio(server, { transport: far })
  const notifications = { resourceSubscriptions: ['a://secret'] }
  await near.send(modern('server/discover', {}).body as never)
  await vi.waitFor(() => expect(messages).toHaveLength(1))
  const { body } = listenCall(2, notifications)
  await near.send(body as never)
  await vi.waitFor(() => expect(messages).toHaveLength(2))
  server.notify.toolsChanged()
  server.notify.resourceUpdated('a://open')
  server.notify.resourceUpdated('a://secret')
  await vi.waitFor(() => expect(messages).toHaveLength(3))
  expect(messages[2]).toMatchObject({
    method: 'notifications/resources/updated',
    params: { uri: 'a://secret' },
  })
  await handle.close()
  expect((server.bus as InMemoryServerEventBus).listenerCount).toBe(0)
})
