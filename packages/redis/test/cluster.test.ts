import { spawnSync } from 'node:child_process'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { redisEventStore } from '../src/index.js'
import { hasCluster } from './support/components.js'
import { charge, opened, openedMeters, openedStore, ready } from './support/opened.js'
import { openedBus, updated } from './support/opened-bus.js'
import { redisServer } from './support/redis-server.js'

const password = 'of-the-cluster'

async function clusterOfThree() {
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-node-timeout': '2000',
    'cluster-config-file': 'nodes.conf',
  }
  const nodes = [
    await redisServer({ password, settings }),
    await redisServer({ password, settings }),
    await redisServer({ password, settings }),
  ] as const
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const { status, stdout } = spawnSync(
    'redis-cli',
    ['--cluster', 'create', ...hosts, '--cluster-replicas', '0', '--cluster-yes'],
    { env: { ...process.env, REDISCLI_AUTH: password }, encoding: 'utf8', timeout: 60_000 },
  )
  if (status !== 0) throw new Error(`there is no Cluster: ${stdout}`)
  return { nodes, url: `redis+cluster://:${password}@${hosts.slice(0, 2).join(',')}` }
}

const cluster = hasCluster ? await clusterOfThree() : undefined
const url = cluster?.url ?? ''
const nodes = cluster?.nodes ?? []
afterAll(() => Promise.all(nodes.map((node) => node.close())))

async function untilWell() {
  for (const node of nodes) {
    const info = () => node.command('CLUSTER', 'INFO').then(String)
    await expect.poll(info, { timeout: 30_000 }).toContain('cluster_state:ok')
  }
}
beforeEach(async () => {
  for (const node of nodes) node.resume()
  await untilWell()
  await Promise.all(nodes.map((node) => node.command('FLUSHALL')))
}, 60_000)

const principals = Array.from({ length: 60 }, (_, i) => `principal ${i}`)
const tools = ['a', 'b', 'c']
const hour = 3_600_000
const chargesOf = (key: string) => [
  charge(key, 1, 10, hour),
  ...tools.map((tool) => charge(`tool ${tool} ${key}`, 1, 4, hour)),
]

// Again where it fails: a busy machine may be slower than the deadline when nothing is wrong.
describe.skipIf(!cluster)('a Cluster', { timeout: 120_000, retry: 2 }, () => {
  it('has the keys of a principal together, and those of all of them everywhere', async () => {
    const one = await openedStore(url)
    expect(one.redis.kind).toBe('cluster')
    // All at once, on connections that are new.
    const verdicts = await Promise.all(
      principals.map((key) => one.meters.charge(chargesOf(key), charge('ip', 1, 100, hour))),
    )
    for (const verdict of verdicts) {
      expect(verdict.map(({ allowed }) => allowed)).toEqual(Array(5).fill(true))
    }
    const keys = (await Promise.all(nodes.map((node) => node.command('KEYS', '*')))) as string[][]
    for (const held of keys) expect(held.length).toBeGreaterThan(20)
    expect(keys.flat()).toHaveLength(principals.length * (1 + tools.length) + 1)
    for (const key of keys.flat()) expect(key).toMatch(/^mcp:limit:\{[\w-]{22}\}([\w-]{22})?$/)
  })

  it('lets exactly the limit of each layer through, whoever asks', async () => {
    const [one, two] = [await openedStore(url), await openedStore(url)]
    const ask = (key: string, i: number) =>
      (i % 2 ? one : two).meters.charge(chargesOf(key), charge('ip', 1, 30, hour))
    const same = await Promise.all(Array.from({ length: 20 }, (_, i) => ask('alice', i)))
    const passed = same.filter((verdict) => verdict.every(({ allowed }) => allowed))
    expect(passed).toHaveLength(4)
    const others = await Promise.all(principals.map(ask))
    // 20 of the 30 are used: what is refused by the principal costs its address all the same.
    expect(others.filter(([ip]) => ip?.allowed)).toHaveLength(10)
  })

  it.each(['does not answer', 'is killed'])(
    'of which one node %s: local, and back',
    async (how) => {
      const one = await openedMeters(url, {}, { commandTimeoutMs: 500 })
      await Promise.all(principals.map((key) => one.meters.charge(chargesOf(key))))
      const [node] = nodes
      if (how === 'is killed') await node?.stop()
      else node?.pause()
      const started = performance.now()
      const verdicts = await Promise.all(principals.map((key) => one.meters.charge(chargesOf(key))))
      expect(performance.now() - started).toBeLessThan(2_000)
      for (const verdict of verdicts) expect(verdict).toMatchObject([{ allowed: true }, {}, {}, {}])
      expect(one.meters.state().away).toBe(true)
      await new Promise((resolve) => setTimeout(resolve, 3_000))
      expect(one.meters.state().away).toBe(true)
      if (how === 'is killed') await node?.start()
      else node?.resume()
      await untilWell()
      await expect.poll(() => one.meters.state().away, { timeout: 60_000 }).toBe(false)
      const local = one.meters.state().local
      for (const key of principals) await one.meters.charge(chargesOf(key))
      expect(one.meters.state()).toMatchObject({ away: false, local })
    },
  )

  it('carries events, and keeps those of sessions', async () => {
    const [one, two] = [await openedBus(url), await openedBus(url)]
    one.bus.publish(updated('note://1'))
    await expect.poll(two.said, { timeout: 10_000 }).toEqual(['note://1'])
    for (const node of nodes) await node.command('CLIENT', 'KILL', 'TYPE', 'normal')
    one.bus.publish(updated('note://2'))
    await expect.poll(two.said, { timeout: 30_000 }).toEqual(['note://1', 'note://2'])
    expect(two.gaps).toEqual([])

    const { redis } = opened(url)
    await ready(redis)
    const store = redisEventStore(redis, { maxBytes: 2_000 })
    for (let i = 0; i < 40; i++) await store.append(`session ${i}`, 1, { seq: 1, data: '{"a":1}' })
    expect(await store.read('session 39', 1, 0)).toEqual([{ seq: 1, data: '{"a":1}' }])
    expect(await store.read('session 0', 1, 0)).toEqual([])
    await store.drop('session 39')
    expect(store.state().bytes).toBeLessThanOrEqual(2_000)
  })

  it('has lost the node of the events, and they come again with it', async () => {
    const [one, two] = [
      await openedBus(url, {}, { commandTimeoutMs: 500 }),
      await openedBus(url, {}, { commandTimeoutMs: 500 }),
    ]
    const held = await Promise.all(nodes.map((node) => node.command('KEYS', 'mcp:events')))
    const node = nodes[held.findIndex((keys) => (keys as string[]).length > 0)]
    await node?.stop()
    await expect.poll(() => two.bus.state().connected, { timeout: 20_000 }).toBe(false)
    one.bus.publish(updated('note://meanwhile'))
    await node?.start()
    await untilWell()
    await expect.poll(two.said, { timeout: 60_000 }).toContain('note://meanwhile')
    expect(two.said()).toContain('resources_list_changed')
    await expect.poll(() => one.bus.state().connected, { timeout: 60_000 }).toBe(true)
  })

  it('ends in time while nobody answers', async () => {
    const { redis } = await openedMeters(url)
    for (const node of nodes) node.pause()
    const started = performance.now()
    await redis.close()
    expect(performance.now() - started).toBeLessThan(4_000)
  })

  it('with another password lets nobody in, and does not tell it', async () => {
    const { redis, lines } = opened(url.replace(password, 'hunter2'))
    await expect.poll(() => lines.join(), { timeout: 10_000 }).toContain('WRONGPASS')
    await expect(redis.check()).rejects.toThrow('not connected')
    expect(lines.join()).not.toContain('hunter2')
  })
})
