import { setTimeout as sleep } from 'node:timers/promises'
import { hashApiKey } from '@mcp-prod/auth'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { command, redisServer } from '../templates/+redis/test/support/redis-server.js'
import { missing } from './support/faults/components.js'
import { type Project, writeServer } from './support/project.js'
import type { Balancer } from './support/rolling/balancer.js'
import { endAll } from './support/rolling/child.js'
import { startHaproxy } from './support/rolling/haproxy.js'
import { fixedPorts } from './support/rolling/ports.js'
import { startReplica } from './support/rolling/replica.js'

const cannot =
  missing('haproxy', ['haproxy', '-v']) ?? missing('redis-server', ['redis-server', '--version'])
const LISTENERS = 10
const NOTES = ['one', 'two', 'three', 'four', 'five']

let project: Project
let redis: NonNullable<Awaited<ReturnType<typeof redisServer>>>
let balancer: Balancer | undefined
const open: { close(): Promise<void> }[] = []

beforeAll(async () => {
  if (cannot) return
  project = await writeServer('events-shared', { redis: true })
  const server = await redisServer()
  if (server) redis = server
})
afterEach(async () => {
  await Promise.allSettled(open.splice(0).map((client) => client.close()))
  await balancer?.stop()
  balancer = undefined
  await endAll()
  await command(redis.url, 'FLUSHALL')
})
afterAll(() => redis?.close())

/** Two replicas on one Redis behind HAProxy. */
async function replicas() {
  const [port = 0, adminPort = 0, otherPort = 0, otherAdminPort = 0] = await fixedPorts(4)
  const ports = { a: { port, adminPort }, b: { port: otherPort, adminPort: otherAdminPort } }
  const scopes = ['stats:read', 'notes:read', 'notes:write']
  const env = {
    REDIS_URL: redis.url,
    API_KEYS: JSON.stringify([
      { id: 'dev', hash: hashApiKey(project.key), principal: 'dev', scopes },
    ]),
  }
  const a = await startReplica(project, 'a', ports.a, env)
  const b = await startReplica(project, 'b', ports.b, env)
  balancer = await startHaproxy(ports)
  const admins = { a: adminPort, b: otherAdminPort }
  return {
    ...{ a, b, balanced: balancer.url },
    direct: { a: urlOf(port), b: urlOf(otherPort) },
    async series(name: 'a' | 'b', series: string) {
      const text = await (await fetch(`http://127.0.0.1:${admins[name]}/metrics`)).text()
      return Number(new RegExp(`^${series} (.+)$`, 'm').exec(text)?.[1])
    },
  }
}

const urlOf = (port: number) => new URL(`http://127.0.0.1:${port}/mcp`)

async function connect(url: URL): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: 'auto' } },
  )
  const requestInit = { headers: { Authorization: `Bearer ${project.key}` } }
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit }))
  open.push(client)
  return client
}

async function write(client: Client, name: string, text: string) {
  const result = await client.callTool({ name: 'remember', arguments: { name, text } })
  if (result.isError) throw new Error(JSON.stringify(result.content))
}

/** Its notes are the same everywhere, whoever reads them. */
async function urisOf(client: Client): Promise<string[]> {
  const { resources } = await client.listResources()
  return resources.map(({ uri }) => uri).filter((uri) => uri.startsWith('note:'))
}

/**
 * A client as the documentation wants one: it reads what it is told of, and when its stream is gone or something may have been
 * missed it opens another one and reads everything again.
 */
async function listener(url: URL, uris: readonly string[]) {
  const seen = new Map<string, string>()
  const heard = new Map<string, number>()
  let reopened = 0
  let relisted = 0
  const client = await connect(url)
  const read = async (uri: string) => {
    const { contents } = await client.readResource({ uri })
    seen.set(uri, String((contents[0] as { text?: string }).text))
  }
  const readAll = () => Promise.all(uris.map(read))
  client.setNotificationHandler('notifications/resources/updated', async ({ params: { uri } }) => {
    heard.set(uri, (heard.get(uri) ?? 0) + 1)
    await read(uri).catch(() => {})
  })
  client.setNotificationHandler('notifications/resources/list_changed', async () => {
    relisted++
    await readAll().catch(() => {})
  })
  async function listen(): Promise<void> {
    const stream = await client.listen({
      resourceSubscriptions: [...uris],
      resourcesListChanged: true,
    })
    stream.closed.then(async (how) => {
      if (how === 'local') return
      reopened++
      for (let tries = 0; tries < 50; tries++) {
        const opened = await listen().then(
          () => true,
          () => false,
        )
        if (opened) return void (await readAll().catch(() => {}))
        await sleep(200)
      }
    })
  }
  await listen()
  await readAll()
  return { seen, heard, reopened: () => reopened, relisted: () => relisted }
}

describe.skipIf(cannot)('two replicas on one Redis behind HAProxy', { timeout: 180_000 }, () => {
  it('tell subscribers of both what either changes', async () => {
    const { direct } = await replicas()
    const writers = { a: await connect(direct.a), b: await connect(direct.b) }
    for (const name of NOTES) await write(writers.a, name, 'first')
    const uris = await urisOf(writers.a)
    expect(uris).toHaveLength(NOTES.length)
    const [atA, atB] = [await listener(direct.a, uris), await listener(direct.b, uris)]
    for (const name of NOTES) await write(writers.b, name, 'by b')
    const all = (text: string) => Object.fromEntries(uris.map((uri) => [uri, text]))
    for (const { seen } of [atA, atB])
      await expect.poll(() => Object.fromEntries(seen), { timeout: 10_000 }).toEqual(all('by b'))
    for (const name of NOTES) await write(writers.a, name, 'by a')
    for (const { seen } of [atA, atB])
      await expect.poll(() => Object.fromEntries(seen), { timeout: 10_000 }).toEqual(all('by a'))
    // Of each change once: what a replica hears of itself is not told again.
    for (const { heard } of [atA, atB]) expect([...heard.values()]).toEqual(uris.map(() => 2))
  })

  it('miss nothing for good when one is killed under way', async () => {
    const { a, balanced } = await replicas()
    const writer = await connect(balanced)
    for (const name of NOTES) await write(writer, name, 'first')
    const uris = await urisOf(writer)
    const listeners = await Promise.all(
      Array.from({ length: LISTENERS }, () => listener(balanced, uris)),
    )
    let written = 0
    const last = new Map<string, string>()
    let done = false
    async function writeOn() {
      while (!done) {
        const name = NOTES[written % NOTES.length] ?? ''
        const text = `text ${written++}`
        // One that was under way when its replica died is sent again, as a client must.
        while (
          !(await write(writer, name, text).then(
            () => true,
            () => false,
          ))
        )
          await sleep(50)
        last.set(name, text)
        await sleep(20)
      }
    }
    const writing = writeOn()
    await sleep(3_000)
    a.process.kill('SIGKILL')
    await sleep(5_000)
    done = true
    await writing
    const expected = Object.fromEntries(
      uris.map((uri) => [uri, last.get(uri.slice(uri.lastIndexOf('/') + 1))]),
    )
    for (const { seen } of listeners)
      await expect.poll(() => Object.fromEntries(seen), { timeout: 20_000 }).toEqual(expected)
    // Those of the replica that died, and no others.
    const reopened = listeners.map((each) => each.reopened())
    expect(Math.max(...reopened)).toBe(1)
    expect(Math.min(...reopened)).toBe(0)
    expect(written).toBeGreaterThan(50)
  })

  it('tell subscribers to look again when Redis was away', async () => {
    const { direct, series } = await replicas()
    const [writer, other] = [await connect(direct.a), await connect(direct.b)]
    await write(writer, 'one', 'first')
    const uris = await urisOf(other)
    const atB = await listener(direct.b, uris)
    await redis.stop()
    await expect.poll(() => series('b', 'mcp_events_bus_up'), { timeout: 20_000 }).toBe(0)
    await redis.start()
    await expect.poll(() => series('b', 'mcp_events_bus_up'), { timeout: 30_000 }).toBe(1)
    await expect.poll(atB.relisted, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(await series('b', 'mcp_events_gaps_total')).toBeGreaterThan(0)
    await write(writer, 'one', 'after')
    await expect.poll(() => atB.seen.get(uris[0] ?? ''), { timeout: 20_000 }).toBe('after')
  })
})
