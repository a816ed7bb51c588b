/** Limits of prompts and resources, by the names that the definitions of `@mcp-prod/tools` give them. */
import type { Call } from '@mcp-prod/rpc'
import {
  definePrompt,
  defineResource,
  defineResourceTemplate,
  defineTool,
  definitionsOf,
} from '@mcp-prod/tools'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { LimitByPrincipalOptions, LimitConcurrencyOptions } from '../src/index.js'
import { memoryMeters } from '../src/memory-meters.js'
import { as, limitedApp } from './as.js'
import { serveHeld, settled } from './held-calls.js'
import { closeServers, post, serve, statuses } from './serve.js'

const definitions = definitionsOf({
  // Named as the prompt is: neither may use up what is the other's.
  tools: [defineTool({ name: 'greet', description: 'x', input: z.object({}), run: () => 'hello' })],
  prompts: [
    definePrompt({
      name: 'greet',
      input: z.object({ who: z.string() }),
      complete: { who: () => [] },
      run: () => 'hello',
    }),
    definePrompt({ name: 'free', run: () => 'free' }),
  ],
  resources: [
    defineResource({ name: 'readme', uri: 'docs://readme', run: () => 'text' }),
    defineResourceTemplate({
      name: 'page',
      uriTemplate: 'docs://pages/{id}',
      run: () => 'page',
    }),
  ],
})
const toolOf = (call: Call) =>
  call.method === 'resources/unsubscribe' ? undefined : definitions.nameOf(call)

const ask = (method: string, params: object, id: number | string = 1) => ({
  ...{ jsonrpc: '2.0', id, method, params },
})
const greet = (id?: number) => ask('prompts/get', { name: 'greet', arguments: {} }, id)
const complete = () =>
  ask('completion/complete', {
    ref: { type: 'ref/prompt', name: 'greet' },
    argument: { name: 'who', value: '' },
  })
const read = (uri: string, id?: number) => ask('resources/read', { uri }, id)
const tool = (name: string, id?: number) => ask('tools/call', { name, arguments: {} }, id)

afterEach(closeServers)

describe('a rate of its own', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date', 'performance'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const toolLimits = { 'prompt:greet': { limit: 2 }, 'resource:page': { limit: 3 } }
  const limited = async (options: LimitByPrincipalOptions = {}) => {
    const meters = memoryMeters(1000)
    const ran = vi.fn()
    const all = { limit: 1000, toolLimits, toolOf, meters, ...options }
    return { meters, ran, ...(await serve(limitedApp(all, ran))) }
  }

  it('is told and refused as that of a tool', async () => {
    const onLimited = vi.fn()
    const { url } = await limited({ onLimited })
    const first = await post(url, greet(), as('alice'))
    expect(first.headers.get('ratelimit')).toBe(
      '"principal";r=999;t=1, "tool:prompt:greet";r=1;t=30',
    )
    expect((await post(url, complete(), as('alice'))).status).toBe(200)
    const refused = await post(url, greet(7), as('alice'))
    expect([refused.status, refused.body.id, refused.headers.get('retry-after')]).toEqual([
      429,
      7,
      '30',
    ])
    expect(refused.body.error?.data).toMatchObject({
      policy: 'tool',
      tool: 'prompt:greet',
      limit: 2,
    })
    expect(onLimited.mock.calls.map(([, layer]) => layer)).toEqual(['tool'])
    expect((await post(url, greet(), as('bob'))).status).toBe(200)
  })

  it('is another than that of a tool of the same name, both ways', async () => {
    const { url } = await limited({
      toolLimits: { greet: { limit: 1 }, 'prompt:greet': { limit: 1 } },
    })
    const seen = async (body: unknown) => (await post(url, body, as('alice'))).status
    expect([await seen(tool('greet')), await seen(greet())]).toEqual([200, 200])
    expect([await seen(tool('greet')), await seen(greet())]).toEqual([429, 429])
    // No name that a caller writes is taken for a label.
    expect(await seen(tool('prompt:greet'))).toBe(200)
  })

  it('of a template holds for all of its URIs together, by reading and subscribing', async () => {
    const { url } = await limited()
    const methods = ['resources/read', 'resources/subscribe', 'resources/read']
    const seen = await statuses(8, (i) =>
      post(url, ask(methods[i % 3] ?? '', { uri: `docs://pages/${i}` }), as('alice')),
    )
    expect(seen).toEqual([200, 200, 200, 429, 429, 429, 429, 429])
    expect((await post(url, read('docs://readme'), as('alice'))).status).toBe(200)
    const letGo = ask('resources/unsubscribe', { uri: 'docs://pages/1' })
    expect((await post(url, letGo, as('alice'))).status).toBe(200)
  })

  it('charges a batch entry by entry, or refuses it whole before anything is charged', async () => {
    const { url, ran } = await limited()
    const pages = (count: number) =>
      Array.from({ length: count }, (_, i) => read(`docs://pages/${i}`, i))
    const tooMany = await post(url, [greet(), ...pages(4)], as('alice'))
    expect(tooMany.status).toBe(413)
    expect(tooMany.body.error?.data).toMatchObject({
      tool: 'resource:page',
      asked: 4,
      remaining: 3,
    })
    expect(ran).not.toHaveBeenCalled()
    const passed = [greet(), complete(), tool('greet'), ...pages(3), read('docs://readme')]
    const answer = await post(url, passed, as('alice'))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('ratelimit')).toMatch(/^"principal";r=993;/)
    const each = [[greet()], [complete()], [...pages(1), read('docs://readme')]]
    for (const batch of each) expect((await post(url, batch, as('alice'))).status).toBe(429)
    expect((await post(url, [read('docs://readme'), tool('greet')], as('alice'))).status).toBe(200)
  })

  it('is one that a plan may change', async () => {
    const planOf = () => ({ toolLimits: { 'prompt:greet': { limit: 1 } } })
    const { url } = await limited({ planOf })
    expect(await statuses(2, () => post(url, greet(), as('alice')))).toEqual([200, 429])
  })

  it('makes no key of what callers write', async () => {
    const { url, meters } = await limited()
    const names = [
      '__proto__',
      'constructor',
      'prompt:greet',
      'greet principal bob',
      'x'.repeat(5000),
    ]
    for (let i = 0; i < 40; i++) {
      const name = names[i % names.length] ?? ''
      await post(url, ask('prompts/get', { name: `${name}${i < 5 ? '' : i}` }), as('mallory'))
      await post(url, read(`docs://pages/${i}?${name}`), as('mallory'))
      await post(url, read(`docs://readme#${i}`), as('mallory'))
      const ref = { type: 'ref/resource', uri: `docs://pages/{id${i}}` }
      const argument = { name: 'id', value: '' }
      await post(url, ask('completion/complete', { ref, argument }), as('mallory'))
    }
    // Mallory, and the template of which some of it may be pages.
    expect(meters.size).toBeLessThanOrEqual(2)
  })

  it('makes none of it even where `toolOf` gives a caller its own words', async () => {
    const { url, meters } = await limited({ toolOf: ({ name }) => name })
    for (const name of [
      '__proto__',
      'toString',
      'a b',
      '\r\n',
      ...Array.from({ length: 50 }, String),
    ])
      expect((await post(url, tool(name), as('mallory'))).status).toBe(200)
    expect(meters.size).toBe(1)
  })

  it.each([
    ['a promise', async () => 'prompt:greet'],
    ['a list', () => ['prompt:greet']],
    ['null', () => null],
  ])('fails what `toolOf` names by %s: nothing passes unlimited', async (_what, wrong) => {
    const { url, ran } = await limited({ toolOf: wrong as never })
    const answer = await post(url, greet(), as('alice'))
    expect(answer).toMatchObject({ status: 500, body: { code: 'ERR_RATELIMIT_NAME' } })
    expect(ran).not.toHaveBeenCalled()
  })
})

describe('a cap of its own', () => {
  const held = (options: LimitConcurrencyOptions) =>
    serveHeld({ limit: 8, maxQueue: 0, refusalDelayMs: 0, toolOf, ...options })

  it('is refused as that of a tool, while others go on', async () => {
    const { limit, url, finishOne } = await held({ perTool: { 'resource:page': 1 } })
    const running = post(url, read('docs://pages/1'), as('alice'))
    await settled(limit, 1)
    const refused = await post(url, read('docs://pages/2'), as('bob'))
    expect(refused.status).toBe(503)
    expect(refused.body.error?.data).toMatchObject({
      scope: 'tool',
      tool: 'resource:page',
      limit: 1,
    })
    const other = post(url, read('docs://readme'), as('bob'))
    await settled(limit, 2)
    finishOne()
    finishOne()
    expect([(await running).status, (await other).status]).toEqual([200, 200])
    await settled(limit, 0)
    expect(limit.state().tracked).toBe(0)
  })

  it('takes a slot for each entry of a batch, or none', async () => {
    const { limit, url, finishOne } = await held({ perTool: { 'prompt:greet': 2 } })
    const tooLarge = await post(url, [greet(1), greet(2), complete()], as('alice'))
    expect(tooLarge.status).toBe(413)
    expect(tooLarge.body.error?.data).toMatchObject({ tool: 'prompt:greet', asked: 3, limit: 2 })
    const running = post(url, [greet(1), greet(2), tool('greet', 3)], as('alice'))
    await settled(limit, 3)
    expect((await post(url, complete(), as('bob'))).status).toBe(503)
    finishOne()
    expect((await running).status).toBe(200)
    await settled(limit, 0)
  })

  it('keeps no trace of a name when its call has ended, whoever chose it', async () => {
    const named = { toolOf: ({ name }: Call) => name, perTool: () => 1 }
    const { limit, url, finishOne } = await held(named)
    for (const name of ['__proto__', 'x'.repeat(5000), 'prompt:greet']) {
      const running = post(url, tool(name), as('mallory'))
      await settled(limit, 1)
      expect(limit.state().tracked).toBe(2)
      finishOne()
      expect((await running).status).toBe(200)
      await settled(limit, 0)
      expect(limit.state().tracked).toBe(0)
    }
  })

  it('tells the longest name that there may be', async () => {
    const longest = `resource:${'x'.repeat(128)}`
    const { url } = await held({ toolOf: () => longest, perTool: { [longest]: 1 } })
    const refused = await post(url, [greet(1), greet(2)], as('alice'))
    expect(refused.body.error?.data).toMatchObject({ tool: longest, asked: 2 })
  })

  it('fails what `toolOf` names by no text', async () => {
    const { limit, url } = await held({ toolOf: (async () => 'x') as never })
    expect(await post(url, greet(), as('alice'))).toMatchObject({
      status: 500,
      body: { code: 'ERR_RATELIMIT_NAME' },
    })
    await settled(limit, 0)
  })
})
