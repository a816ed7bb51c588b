import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { generateApiKey } from '@mcp-prod/auth'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { callNumbers, isMean2 } from './support/faults/call.js'
import { change } from './support/faults/change.js'
import { type Container, container } from './support/faults/container.js'
import { expectCleanLog } from './support/faults/judge.js'
import {
  type FaultServer,
  killAll,
  memoryOf,
  type StartOptions,
  startServer,
  stopServer,
} from './support/faults/server.js'
import { socketsOf } from './support/faults/sockets.js'
import { openStream } from './support/faults/stream.js'
import { streamClients } from './support/faults/stream-clients.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const MIB = 1024 * 1024
const STREAMS = 10_000
const MOST = 1_024
const MOST_PER_CALLER = 16
const CALLERS = 640
const SLACK_MS = 10_000

let project: Project
let keys: string[]
let keyFile: string
let box: Container | undefined
beforeAll(async () => {
  project = await writeServer('faults-streams')
  const all = Array.from({ length: CALLERS }, (_, i) => generateApiKey(`k${i}`))
  const entries = all.map(({ hash }, i) => ({
    id: `k${i}`,
    hash,
    principal: `p${i}`,
    scopes: ['stats:read'],
  }))
  keys = all.map(({ key }) => key)
  keyFile = join(project.folder, 'ring.json')
  await writeFile(keyFile, JSON.stringify(entries))
})
afterEach(async () => {
  await killAll()
  await box?.remove()
  box = undefined
})
afterAll(killAll)

const start = (options: StartOptions = {}) =>
  startServer({ ...project, key: keys[0] ?? '' }, { keyFile, ...options })

/** Calls for as long as something else happens; every one must be answered. */
async function callMeanwhile<T>(server: FaultServer, work: Promise<T>): Promise<T> {
  let over = false
  const finished = work.finally(() => {
    over = true
  })
  const calls = []
  while (!over) {
    calls.push(await callNumbers(server))
    await sleep(100)
  }
  expect(calls.filter((call) => !isMean2(call))).toEqual([])
  expect(Math.max(...calls.map(({ ms }) => ms))).toBeLessThan(SLACK_MS)
  return finished
}

it(`${STREAMS} asked for by ${CALLERS} callers: ${MOST} are given, the others are told when to come again`, async () => {
  box = await container('mcp-prod-streams', 256)
  const server = await start(box)
  const stopWatching = watch(server)
  const before = await socketsOf(server.pid)
  const own = await Promise.all(Array.from({ length: MOST_PER_CALLER }, () => openStream(server)))
  expect(own.map(({ status }) => status)).toEqual(own.map(() => 200))
  const oneMore = await openStream(server)
  expect(oneMore.status).toBe(429)
  expect(oneMore.headers['retry-after']).toBe('30')
  for (const stream of own) stream.hangUp()

  const allGone = () =>
    expect.poll(() => socketsOf(server.pid), { timeout: 30_000 }).toBeLessThan(before + 5)
  // Twice, for the first must have left nothing behind.
  for (const count of [STREAMS, MOST]) {
    const clients = streamClients()
    await allGone()
    const report = await callMeanwhile(server, clients.open(server.port, keys, count))
    const refused = count - MOST
    expect(report.statuses).toEqual({ 200: MOST, ...(refused > 0 && { 503: refused }) })
    expect(report.retryAfter).toEqual(refused > 0 ? ['30'] : [])
    expect(await callNumbers(server)).toSatisfy(isMean2)
    expect(await clients.report()).toMatchObject({ over: 0 })
    await clients.vanish()
  }
  await allGone()
  expect(await memoryOf(server.pid, 'VmHWM')).toBeLessThan(256 * MIB)
  const { health, ready } = await stopWatching()
  expect({ health, ready }).toEqual({ health: [200], ready: [200] })
  await stopServer(server)
  // Each stream that is refused for want of a place is one, and seen as such.
  expectCleanLog(server, ({ message, status }) => message === 'request' && status === 503)
})

it(`${STREAMS} open in a server that allows them: each costs little and is ended by its completion`, async () => {
  await change(project, 'limits.js', 'partOf(1_024, config)', `${STREAMS}`)
  await change(project, 'limits.js', 'partOf(16, config)', `${STREAMS}`)
  await change(project, 'serve.js', '{ tls }', `{ tls, maxConnections: ${2 * STREAMS} }`)
  const server = await start()
  const stopWatching = watch(server)
  await callNumbers(server)
  const before = await memoryOf(server.pid, 'VmRSS')
  const clients = [streamClients(), streamClients()]
  const reports = await callMeanwhile(
    server,
    Promise.all(clients.map((each) => each.open(server.port, keys, STREAMS / 2))),
  )
  expect(reports.map(({ statuses }) => statuses)).toEqual(clients.map(() => ({ 200: STREAMS / 2 })))
  const perStream = ((await memoryOf(server.pid, 'VmRSS')) - before) / STREAMS
  expect(perStream).toBeLessThan(64 * 1024)
  expect((await openStream(server)).status).toBe(503)
  const { health, ready } = await stopWatching()
  expect({ health, ready }).toEqual({ health: [200], ready: [200] })
  await stopServer(server)
  const total = async () => {
    const all = await Promise.all(clients.map((each) => each.report()))
    return all.reduce((sum, { complete }) => sum + complete, 0)
  }
  await expect.poll(total, { timeout: 20_000 }).toBe(STREAMS)
  expectCleanLog(server, ({ message, status }) => message === 'request' && status === 503)
})
