import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { type BusEvent, type EventBusState, redisEventBus } from '../src/index.js'
import { hasRedis } from './support/components.js'
import { opened } from './support/opened.js'
import { openedBus, PROMPTS, TOOLS, textsOf, updated } from './support/opened-bus.js'
import { redisServer } from './support/redis-server.js'

const server = hasRedis ? await redisServer() : undefined
afterAll(() => server?.close())
const url = server?.url ?? ''
const command = async (name: string, ...words: (string | number)[]) =>
  server?.command(name, ...words)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const LISTS = ['tools_list_changed', 'prompts_list_changed', 'resources_list_changed']
const FLOOD = `
for i = 1, 2000 do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', 1000, '*', 'o', 'another', 'e', '[]')
end`
const long = { timeout: 30_000 }

afterEach(async () => {
  server?.resume()
  await command('FLUSHALL')
})

type Opened = Awaited<ReturnType<typeof openedBus>>
const connected = ({ bus }: Opened) => expect.poll(() => bus.state().connected, long)

/** Cuts every connection, as a network does. */
const cutAll = () => command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')

describe.skipIf(!server)('when', { timeout: 90_000 }, () => {
  it('a connection is lost and back, nothing is missed and nobody has to fetch anew', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    const uris: string[] = []
    for (let i = 0; i < 40; i++) {
      uris.push(`note://${i}`)
      one.bus.publish(updated(`note://${i}`))
      if (i % 10 === 5) await cutAll()
      await pause(50)
    }
    await expect.poll(() => two.heard.length, long).toBe(40)
    expect(two.said()).toEqual(uris)
    expect(two.gaps).toEqual([])
    expect(two.changes.length).toBeGreaterThanOrEqual(2)
    expect(two.changes.at(-1)).toBe('back')
  })

  it('Redis hangs, publishing does not, and all comes when it goes on', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    server?.pause()
    const started = performance.now()
    for (let i = 0; i < 500; i++) one.bus.publish(updated(`note://${i}`))
    expect(performance.now() - started).toBeLessThan(500)
    expect(one.heard).toHaveLength(500)
    await connected(one).toBe(false)
    await connected(two).toBe(false)
    expect(one.bus.state()).toMatchObject({ pending: 500, dropped: 0 })
    expect(one.bus.state().since).toBeLessThanOrEqual(Date.now())
    server?.resume()
    await connected(one).toBe(true)
    await expect.poll(() => new Set(two.said()).size, long).toBeGreaterThanOrEqual(500)
    await connected(two).toBe(true)
    await expect.poll(() => one.bus.state().pending, long).toBe(0)
    // It was the same Redis all the while, which has lost nothing.
    expect(two.gaps).toEqual([])
    expect(one.heard).toHaveLength(500)
  })

  it('Redis is killed and comes back empty, everybody fetches anew and hears what waited', async () => {
    const watched = ['note://watched']
    const [one, two] = [
      await openedBus(url),
      await openedBus(url, { subscribedUris: () => watched }),
    ]
    one.bus.publish(updated('note://known'))
    await expect.poll(() => two.said(), long).toEqual(['note://known'])
    await server?.stop()
    await connected(one).toBe(false)
    one.bus.publish(updated('note://meanwhile'))
    expect(one.said().at(-1)).toBe('note://meanwhile')
    await server?.start()
    await connected(one).toBe(true)
    await connected(two).toBe(true)
    await expect.poll(() => two.said(), long).toContain('note://meanwhile')
    for (const { said, gaps, bus } of [one, two]) {
      await expect.poll(said, long).toEqual(expect.arrayContaining(LISTS))
      expect(gaps).toHaveLength(1)
      expect(bus.state()).toMatchObject({ gaps: 1, dropped: 0, pending: 0 })
    }
    // Those it was told are watched, or else those it has heard of.
    await expect.poll(() => two.said().slice(1), long).toContain('note://watched')
    expect(two.said().slice(1)).not.toContain('note://known')
    expect(one.said().filter((uri) => uri === 'note://known')).toHaveLength(2)
    expect(one.changes.map((change) => change.slice(0, 4))).toEqual(['away', 'back'])
  })

  it('more came than may wait, it is counted, and the others fetch anew', async () => {
    const [one, two] = [await openedBus(url, { maxPending: 10 }), await openedBus(url)]
    server?.pause()
    for (let i = 0; i < 100; i++) one.bus.publish(updated(`note://${i}`))
    expect(one.bus.state()).toMatchObject({ pending: 10, dropped: 90 })
    server?.resume()
    await expect.poll(() => two.said(), long).toEqual(expect.arrayContaining(LISTS))
    expect(two.gaps).toEqual(['another process could not hold its events'])
    // Who has published them has heard them.
    expect(one.gaps).toEqual([])
    await expect.poll(() => one.bus.state(), long).toMatchObject({ pending: 0, dropped: 90 })
    expect(two.said()).toContain('note://9')
    expect(two.said()).not.toContain('note://10')
  })

  it.each(['trimmed', 'deleted'])('what came meanwhile was %s, clients fetch anew', async (how) => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    one.bus.publish(TOOLS)
    await expect.poll(() => two.heard.length, long).toBe(1)
    if (how === 'deleted') await command('DEL', 'mcp:events')
    // More than is kept, at a moment in which nobody reads.
    else await command('EVAL', FLOOD, 1, 'mcp:events')
    one.bus.publish(updated('note://after'))
    await expect.poll(() => two.gaps, long).toContain('what came next is gone')
    await expect.poll(() => two.said(), long).toEqual(expect.arrayContaining(LISTS))
    await expect.poll(() => two.said(), long).toContain('note://after')
  })

  it('Redis is away from the start, events are heard here, and shared when it comes', async () => {
    await server?.stop()
    const { redis } = opened(url)
    const changes: boolean[] = []
    const bus = redisEventBus(redis, { onChange: (away) => changes.push(away) })
    onTestFinished(() => bus.close())
    const heard: BusEvent[] = []
    bus.subscribe((event) => void heard.push(event))
    expect(bus.state()).toMatchObject({ connected: false, since: expect.any(Number) })
    bus.publish(TOOLS)
    expect(textsOf(heard)).toEqual(['tools_list_changed'])
    await expect.poll(() => changes, long).toEqual([true])
    await expect(bus.check()).rejects.toMatchObject({ code: 'ERR_REDIS_UNAVAILABLE' })
    await server?.start()
    const two = await openedBus(url)
    await expect.poll(() => bus.state(), long).toMatchObject({ connected: true, pending: 0 })
    expect(changes).toEqual([true, false])
    bus.publish(PROMPTS)
    await expect.poll(() => two.said(), long).toContain('prompts_list_changed')
  })

  it('it is closed while Redis hangs, that ends in time', async () => {
    const { bus } = await openedBus(url)
    server?.pause()
    bus.publish(TOOLS)
    const started = performance.now()
    await bus.close()
    expect(performance.now() - started).toBeLessThan(4_000)
    expect(bus.state()).toMatchObject({ dropped: 1, published: 0 })
  })

  it('Redis says nothing of itself, each lost connection is a gap', async () => {
    await command('ACL', 'SETUSER', 'modest', 'on', '>secret', '~*', '&*', '+@all', '-info')
    onTestFinished(async () => void (await command('ACL', 'DELUSER', 'modest')))
    const modest = `redis://modest:secret@127.0.0.1:${server?.port}`
    const { redis } = opened(modest)
    const bus = redisEventBus(redis)
    onTestFinished(() => bus.close())
    await expect.poll(() => bus.state().connected, long).toBe(true)
    bus.subscribe(() => {})
    bus.publish(TOOLS)
    await expect.poll(() => bus.state().published, long).toBe(1)
    expect(bus.state().gaps).toBe(0)
    await cutAll()
    await expect.poll(() => bus.state().gaps, long).toBe(1)
  })
})

interface Told {
  kind: 'ready' | 'heard' | 'gap' | 'closed'
  value: unknown
}

async function replica() {
  const child = fork(fileURLToPath(import.meta.resolve('./support/replica.ts')), [url], {
    execArgv: ['--import', import.meta.resolve('tsx')],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const told: Told[] = []
  child.on('message', (message) => void told.push(message as Told))
  const of = (kind: Told['kind']) => told.filter((each) => each.kind === kind)
  await expect.poll(() => of('ready').length, long).toBe(1)
  return {
    child,
    publish: (event: BusEvent) => child.send(event),
    heard: () => textsOf(of('heard').map(({ value }) => value as BusEvent)),
    gaps: () => of('gap').length,
    closed: () => of('closed')[0]?.value as EventBusState | undefined,
  }
}

describe.skipIf(!server)('of replicas that are processes of their own', { timeout: 90_000 }, () => {
  it('one is killed in the middle: the others hear all that it had sent, and each other', async () => {
    const [one, two, three] = await Promise.all([replica(), replica(), replica()])
    const before = two.heard().length
    const sent: string[] = []
    for (let i = 0; i < 200; i++) {
      one.publish(updated(`one://${i}`))
      if (i % 2) two.publish(updated(`two://${i}`))
      sent.push(`one://${i}`)
      await pause(5)
    }
    await expect
      .poll(() => one.heard().filter((uri) => uri.startsWith('one:')).length, long)
      .toBe(200)
    // What is later than a window before its death has left it.
    await pause(500)
    one.child.kill('SIGKILL')
    await expect.poll(() => three.heard().length, long).toBeGreaterThanOrEqual(300)
    for (const { heard } of [two, three]) {
      expect(heard().filter((uri) => uri.startsWith('one:'))).toEqual(sent)
    }
    two.publish(PROMPTS)
    await expect.poll(() => three.heard(), long).toContain('prompts_list_changed')
    expect(before).toBeLessThanOrEqual(3)
    three.child.send('close')
    await expect.poll(three.closed, long).toMatchObject({ dropped: 0, ignored: 0 })
    await expect.poll(() => three.child.exitCode, long).toBe(0)
  })

  it('both hear all that came while Redis was killed and started again', async () => {
    const [one, two] = await Promise.all([replica(), replica()])
    const sent: string[] = []
    for (let i = 0; i < 60; i++) {
      one.publish(updated(`one://${i}`))
      sent.push(`one://${i}`)
      if (i === 20) await server?.stop()
      if (i === 40) await server?.start()
      await pause(50)
    }
    // Each of them, or that all must be fetched anew after it.
    await expect.poll(() => two.heard(), long).toContain('one://59')
    await expect.poll(two.gaps, long).toBeGreaterThanOrEqual(1)
    const missed = sent.filter((uri) => !two.heard().includes(uri))
    // Taken by the Redis that died, before it told anybody.
    expect(missed.length).toBeLessThanOrEqual(3)
    const lastGap = two.heard().lastIndexOf('resources_list_changed')
    for (const uri of missed) expect(sent.indexOf(uri)).toBeLessThan(21)
    expect(lastGap).toBeGreaterThan(0)
  })
})
