import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { redisEventBus } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { opened, ready } from './support/opened.js'
import { openedBus, PROMPTS, TOOLS, textsOf, updated } from './support/opened-bus.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
afterEach(() => command('FLUSHALL'))
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const add = (...fields: string[]) => command('XADD', 'mcp:events', '*', ...fields)
const entry = (...events: unknown[]) => add('o', 'another', 'e', JSON.stringify(events))

describe.skipIf(!server)('an event', { timeout: 30_000 }, () => {
  it('is heard here at once and once, and by the other processes', async () => {
    const [one, two, three] = [await openedBus(url), await openedBus(url), await openedBus(url)]
    const params = { _meta: { 'example.com/why': 'a test' } }
    one.bus.publish({ ...TOOLS, params })
    one.bus.publish(updated('note://1'))
    expect(one.heard).toEqual([{ ...TOOLS, params }, updated('note://1')])
    await expect.poll(() => two.heard.length).toBe(2)
    expect(two.heard).toEqual(one.heard)
    await expect.poll(() => three.heard.length).toBe(2)
    two.bus.publish(PROMPTS)
    await expect.poll(() => one.said().at(-1)).toBe('prompts_list_changed')
    await pause(300)
    expect(one.heard).toHaveLength(3)
    expect(two.heard).toHaveLength(3)
    expect(one.bus.state()).toEqual({
      ...{ connected: true, pending: 0, published: 2, received: 1 },
      ...{ dropped: 0, ignored: 0, gaps: 0 },
    })
    expect([...one.changes, ...one.gaps, ...two.gaps]).toEqual([])
  })

  it('of a storm is told ten times a second or so, the last one too', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    const started = performance.now()
    let count = 0
    while (performance.now() - started < 1_000) {
      for (let i = 0; i < 100; i++, count++) one.bus.publish(TOOLS)
      await pause(1)
    }
    const most = 4 + (performance.now() - started) / 100
    await pause(500)
    expect(count).toBeGreaterThan(1_000)
    for (const { heard } of [one, two]) {
      expect(heard.length).toBeGreaterThanOrEqual(2)
      expect(heard.length).toBeLessThanOrEqual(most)
    }
    expect(Number(await command('XLEN', 'mcp:events'))).toBeLessThanOrEqual(most + 1)
    expect(two.bus.state().gaps).toBe(0)
  })

  it('of many resources comes whole, in entries that are bounded', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    const uris = Array.from({ length: 900 }, (_, i) => `note://${i}/${'x'.repeat(200)}`)
    for (const uri of uris) one.bus.publish(updated(uri))
    await expect.poll(() => two.heard.length, { timeout: 20_000 }).toBe(900)
    expect(two.said()).toEqual(uris)
    const kept = (await command('XRANGE', 'mcp:events', '-', '+')) as [string, string[]][]
    for (const [, fields] of kept) expect(String(fields[3]).length).toBeLessThanOrEqual(16_384)
  })

  it('that a listener throws at reaches the others', async () => {
    const errors: unknown[] = []
    const { bus, heard } = await openedBus(url, { onError: (error) => errors.push(error) })
    const failing = () => {
      throw new Error('a listener fails')
    }
    const stop = bus.subscribe(failing)
    const last: unknown[] = []
    bus.subscribe((event) => last.push(event))
    bus.publish(TOOLS)
    expect([heard.length, last.length, errors.length]).toEqual([1, 1, 1])
    stop()
    stop()
    bus.publish(PROMPTS)
    expect([heard.length, last.length, errors.length]).toEqual([2, 2, 1])
  })

  it('that cannot be sent is heard here, and counted', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    const circular: Record<string, unknown> = {}
    circular.self = circular
    const wrong = [updated(''), updated('x'.repeat(3_000)), { kind: 'other' }, {}] as never[]
    for (const event of wrong) one.bus.publish(event)
    expect(one.heard).toHaveLength(4)
    expect(one.bus.state()).toMatchObject({ dropped: 4, pending: 0 })
    // Without what is too much of it.
    one.bus.publish({ ...TOOLS, params: circular })
    one.bus.publish({ ...PROMPTS, params: { text: 'x'.repeat(10_000) } })
    await expect.poll(() => two.heard.length).toBe(2)
    expect(two.heard).toEqual([TOOLS, PROMPTS])
  })

  it('that waits is sent before the end, and nothing is heard after it', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    one.bus.publish(TOOLS)
    const started = performance.now()
    await one.bus.close()
    // It does not wait for the read that blocks.
    expect(performance.now() - started).toBeLessThan(1_500)
    await expect.poll(() => two.heard.length).toBe(1)
    two.bus.publish(PROMPTS)
    await pause(300)
    expect(one.heard).toHaveLength(1)
    expect(() => one.bus.publish(PROMPTS)).not.toThrow()
    expect(one.bus.state()).toMatchObject({ published: 1, dropped: 1 })
    const connections = String(await command('CLIENT', 'LIST')).match(/cmd=xread/g)
    expect(connections).toHaveLength(1)
  })

  it('from before this process heard anything comes, and others learn to fetch anew', async () => {
    const other = await openedBus(url)
    const { redis } = opened(url)
    const gaps: string[] = []
    const bus = redisEventBus(redis, { onGap: (reason) => gaps.push(reason) })
    const heard: string[] = []
    bus.subscribe((event) => void heard.push(...textsOf([event])))
    other.bus.publish(updated('note://early'))
    await expect.poll(() => bus.state().connected).toBe(true)
    await expect.poll(() => heard).toContain('note://early')
    expect(heard).toContain('tools_list_changed')
    expect(gaps).toEqual(['it was not connected yet'])
    await bus.close()
  })
})

describe.skipIf(!server)('what somebody else writes to Redis', { timeout: 30_000 }, () => {
  it('is ignored and counted where it is no event, and the rest is heard', async () => {
    const { bus, heard } = await openedBus(url)
    await add('o', 'another', 'e', 'no JSON')
    await add('o', 'another', 'e', '{}')
    await add('e', '[]')
    await add('o', 'x'.repeat(1_000), 'e', JSON.stringify([TOOLS]))
    await add('o', 'another', 'e', JSON.stringify([TOOLS]), 'more', 'fields')
    await add('o', 'another', 'e', '['.repeat(16_000))
    // Too long for an entry, whatever is in it.
    await add('o', 'another', 'e', JSON.stringify([TOOLS]).padEnd(5_000_000))
    await entry(null, 7, 'text', [], {}, { kind: '__proto__' }, { kind: 'resource_updated' })
    await entry(updated('x'.repeat(2_049)), updated('a\r\nb'), { kind: 'resource_updated', uri: 7 })
    await entry({ ...TOOLS, params: 'text' }, { ...TOOLS, params: [1] })
    await add(
      'o',
      'another',
      'e',
      '[{"kind":"prompts_list_changed","params":{"__proto__":{"a":1}}}]',
    )
    await entry({ ...updated('note://1'), extra: 1 })
    await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(2)
    expect(textsOf(heard)).toEqual(['prompts_list_changed', 'note://1'])
    expect(heard[1]).toEqual(updated('note://1'))
    expect(({} as { a?: number }).a).toBeUndefined()
    expect(bus.state()).toMatchObject({ ignored: 19, received: 2, connected: true, gaps: 0 })
  })

  it('as a storm makes no storm of clients that fetch all anew', async () => {
    const { bus, heard } = await openedBus(url)
    const started = performance.now()
    while (performance.now() - started < 3_000) {
      await entry({ kind: 'lost' })
      await pause(20)
    }
    expect(bus.state().gaps).toBeLessThanOrEqual(3)
    expect(heard.length).toBeLessThanOrEqual(9)
    expect(bus.state().gaps).toBeGreaterThanOrEqual(1)
  })

  it('as an id after which there is none leaves the events working', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    await command('XADD', 'mcp:events', '18446744073709551615-18446744073709551615', 'a', 'b')
    await pause(300)
    one.bus.publish(TOOLS)
    await expect.poll(() => two.said(), { timeout: 10_000 }).toContain('tools_list_changed')
    one.bus.publish(updated('note://after'))
    await expect.poll(() => two.said(), { timeout: 10_000 }).toContain('note://after')
    expect(one.bus.state()).toMatchObject({ connected: true, pending: 0 })
    expect(two.bus.state().connected).toBe(true)
  })

  it('as another type takes the sharing away, until it is gone', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    await command('SET', 'mcp:events', 'text')
    one.bus.publish(TOOLS)
    await expect.poll(() => one.bus.state().connected, { timeout: 10_000 }).toBe(false)
    await expect(one.bus.check()).rejects.toThrow('events are not shared: WRONGTYPE')
    expect(one.heard).toHaveLength(1)
    expect(await command('GET', 'mcp:events')).toBe('text')
    await command('DEL', 'mcp:events')
    await expect.poll(() => two.said(), { timeout: 10_000 }).toContain('tools_list_changed')
    await expect.poll(() => one.bus.state().connected, { timeout: 10_000 }).toBe(true)
    await one.bus.check()
  })

  it('under another prefix is of another server', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url, { keyPrefix: 'shop:' })]
    one.bus.publish(TOOLS)
    await expect.poll(() => one.bus.state().published).toBe(1)
    await pause(200)
    expect(two.heard).toEqual([])
  })
})

it.skipIf(!server)(
  'the stream is bounded, and goes when nobody uses it',
  async () => {
    const one = await openedBus(url, { coalesceMs: 1, maxHistory: 100 })
    for (let i = 0; i < 400; i++) {
      one.bus.publish(updated(`note://${i}`))
      await pause(2)
    }
    await expect.poll(() => one.bus.state().pending).toBe(0)
    // Whole nodes of a hundred entries are trimmed.
    expect(Number(await command('XLEN', 'mcp:events'))).toBeLessThanOrEqual(200)
    const ttl = Number(await command('PTTL', 'mcp:events'))
    expect(ttl).toBeGreaterThan(3_000_000)
    expect(ttl).toBeLessThanOrEqual(3_600_000)
    await ready(one.redis)
  },
  30_000,
)
