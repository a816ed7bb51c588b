import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { strangersEnv } from './support/command.js'
import { type Project, writeServer } from './support/project.js'
import { type RunningServer, start } from './support/running.js'
import { callTool, scrape } from './support/workers/calls.js'

/** A tool that never comes back, and takes its process with it. */
const block = `import { defineTool } from '@mcp-prod/tools'
import { z } from 'zod'

export const blockForEver = defineTool({
  name: 'block_for_ever',
  description: 'Blocks.',
  input: z.object({}),
  output: z.object({}),
  scopes: ['stats:read'],
  run() {
    for (;;);
  },
})
`

let project: Project
beforeAll(async () => {
  project = await writeServer(
    'workers',
    { ci: 'none', deploy: 'none', upstream: false, stdio: false },
    {
      'src/tools/block.ts': block,
      'src/tools/index.ts': (text) =>
        `import { blockForEver } from './block.js'\n${text.replace(/\[\s*(?=\w)/, '[blockForEver, ')}`,
    },
  )
}, 120_000)

const servers: RunningServer[] = []
afterEach(async () => {
  for (const { process, exited } of servers.splice(0)) {
    process.kill('SIGKILL')
    await exited
  }
})

const enough = {
  NODE_ENV: 'production',
  WORKERS: '3',
  SHUTDOWN_GRACE: '0s',
  SHUTDOWN_DRAIN: '15s',
  MAX_EVENT_LOOP_DELAY: '1m',
  IP_LIMIT_PER_MINUTE: '1000000',
  PRINCIPAL_LIMIT_PER_MINUTE: '1000000',
}

/** A server whose workers are all ready. */
async function ready(env: NodeJS.ProcessEnv = {}) {
  const API_KEYS_FILE = `${project.folder}/keys.json`
  const server = await start(project.folder, { ...enough, API_KEYS_FILE, ...env })
  servers.push(server)
  const all = { ...enough, ...env }.WORKERS
  await expect
    .poll(() => scrape(server, 'mcp_workers_ready'), { timeout: 30_000 })
    .toBe(Number(all))
  return server
}

const numbers = ['summarize_numbers', { numbers: [1, 2, 3] }] as const
const pidOf = ({ lines }: RunningServer, worker: number) =>
  Number(
    lines.findLast((line) => line.message === 'worker ready' && line.worker === worker)?.workerPid,
  )
const childrenOf = (pid = 0) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')

it('counts limits and metrics for all workers together, and loses none of them with a worker', async () => {
  const server = await ready({ PRINCIPAL_LIMIT_PER_MINUTE: '30' })
  // Loads what the first call of each needs.
  for (let i = 0; i < 3; i++) expect(await callTool(server, 'countdown', { seconds: 99 })).toBe(200)
  const lane = () => callsOneByOne(20, () => callTool(server, ...numbers))
  const statuses = (await Promise.all([lane(), lane(), lane()])).flat()
  expect(await scrape(server, 'mcp_limits_local_decisions_total')).toBe(0)
  const ok = statuses.filter((status) => status === 200).length
  // What comes back meanwhile: one every two seconds.
  expect(ok).toBeGreaterThanOrEqual(27)
  expect(ok).toBeLessThanOrEqual(27 + 8)
  const counted = () =>
    scrape(server, 'mcp_tool_calls_total{tool="summarize_numbers",outcome="ok"}')
  const limited = () => scrape(server, 'mcp_requests_limited_total{layer="principal"}')
  expect([await counted(), await limited()]).toEqual([ok, 60 - ok])
  expect(await scrape(server, 'mcp_request_duration_seconds_count{method="tools/call"}')).toBe(63)
  expect(await scrape(server, 'mcp_concurrency_limit')).toBe(258)
  expect(await scrape(server, 'mcp_ready')).toBe(1)

  process.kill(pidOf(server, 2), 'SIGKILL')
  // At no moment they are less.
  await expect
    .poll(
      async () => {
        expect([await counted(), await limited()]).toEqual([ok, 60 - ok])
        return [
          await scrape(server, 'mcp_worker_restarts_total'),
          await scrape(server, 'mcp_workers_ready'),
        ]
      },
      { timeout: 30_000 },
    )
    .toEqual([1, 3])
  const lines = server.lines.filter(({ message }) => message === 'request')
  expect(new Set(lines.map(({ worker }) => worker)).size).toBeGreaterThan(1)
}, 180_000)

it('loses only the calls of a worker that is killed, and at SIGTERM none', async () => {
  const server = await ready({ SHUTDOWN_GRACE: '500ms' })
  const slow = Array.from({ length: 6 }, () => callTool(server, 'countdown', { seconds: 4 }))
  await expect.poll(() => scrape(server, 'mcp_requests_in_flight')).toBe(6)
  process.kill(pidOf(server, 1), 'SIGKILL')
  const meanwhile = await Promise.all(
    Array.from({ length: 20 }, () => callTool(server, ...numbers)),
  )
  expect(meanwhile).toEqual(Array(20).fill(200))
  const outcomes = await Promise.all(slow)
  // They were handed round: two to each.
  expect(outcomes.filter((status) => status === 200)).toHaveLength(4)
  expect(outcomes.filter((status) => status === 'broken')).toHaveLength(2)

  await expect.poll(() => scrape(server, 'mcp_workers_ready'), { timeout: 30_000 }).toBe(3)
  const last = Array.from({ length: 6 }, () => callTool(server, 'countdown', { seconds: 3 }))
  await expect.poll(() => scrape(server, 'mcp_requests_in_flight')).toBe(6)
  const pids = childrenOf(server.process.pid).map(Number)
  expect(pids).toHaveLength(3)
  server.process.kill('SIGTERM')
  await expect.poll(async () => (await fetch(`${server.adminUrl}/ready`)).status).toBe(503)
  expect(await (await fetch(`${server.adminUrl}/ready`)).json()).toMatchObject({
    reason: 'draining',
  })
  expect(await Promise.all(last)).toEqual(Array(6).fill(200))
  expect(await server.exited).toBe(0)
  expect(pids.filter(isAlive)).toEqual([])
}, 180_000)

it('lets one worker be looked into, and kills one that blocks while the others serve', async () => {
  const ADMIN_TOKEN = 'a-token-of-the-people-on-call'
  const server = await ready({ WORKERS: '2', ADMIN_TOKEN, EVENT_LOOP_KILL: '3s' })
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${server.adminUrl}/debug${path}`, {
      headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
      ...init,
    })
  const profile = await ask('/pprof/event-loop?seconds=1&worker=2')
  expect([profile.status, profile.headers.get('x-worker')]).toEqual([200, '2'])
  expect(await profile.json()).toHaveProperty('delayMs')
  expect((await ask('/pprof/cpu?seconds=1')).headers.get('x-worker')).toBe('1')
  expect((await ask('/pprof/cpu?worker=7')).status).toBe(404)
  expect((await ask('/pprof/cpu', { headers: {} })).status).toBe(401)
  expect((await ask('/log-level', { headers: {} })).status).toBe(401)
  const changed = await ask('/log-level', { method: 'PUT', body: '{"level":"debug"}' })
  expect(await changed.json()).toMatchObject({
    workers: [
      { worker: 1, level: 'debug', after: 'info' },
      { worker: 2, level: 'debug', after: 'info' },
    ],
  })
  expect((await ask('/log-level', { method: 'PUT', body: 'nonsense' })).status).toBe(400)
  expect((await ask('/log-level', { method: 'PUT', body: 'x'.repeat(2000) })).status).toBe(413)

  const blocked = callTool(server, 'block_for_ever', {})
  await sleep(300)
  expect((await fetch(`${server.adminUrl}/ready`)).status).toBe(200)
  expect(await callTool(server, ...numbers)).toBe(200)
  expect(await blocked).toBe('broken')
  await expect.poll(() => scrape(server, 'mcp_worker_restarts_total'), { timeout: 30_000 }).toBe(1)
  await expect.poll(() => scrape(server, 'mcp_workers_ready'), { timeout: 30_000 }).toBe(2)
  expect(server.lines.find(({ message }) => message?.startsWith('worker died'))).toMatchObject({
    signal: 'SIGKILL',
  })
}, 180_000)

it('has no worker left, and its port free, when the primary is killed; calls in flight are answered', async () => {
  const server = await ready({ WORKERS: '2' })
  const slow = Array.from({ length: 4 }, () => callTool(server, 'countdown', { seconds: 3 }))
  await expect.poll(() => scrape(server, 'mcp_requests_in_flight')).toBe(4)
  const pids = childrenOf(server.process.pid).map(Number)
  server.process.kill('SIGKILL')
  expect(await Promise.all(slow)).toEqual(Array(4).fill(200))
  await expect.poll(() => pids.filter(isAlive), { timeout: 15_000 }).toEqual([])
  const again = createServer().listen(Number(server.url.port), '127.0.0.1')
  await once(again, 'listening')
  again.close()
}, 180_000)

it('ends with the exit code of its workers when they cannot start', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const { code, output } = await ended({ PORT: String(port) })
  taken.close()
  expect(code).toBe(1)
  expect(output).toContain(`cannot listen on 127.0.0.1:${port}, as PORT says`)
  expect(output).toContain('before any worker was ready')
}, 180_000)

it('hears a SIGTERM while its workers still load', async () => {
  for (const afterMs of [300, 900, 1_500]) {
    const { code, output } = await ended({}, afterMs)
    // Before the first line of the program nothing has begun, and `early` ends it.
    expect([0, 143, 'SIGTERM'], output).toContain(code)
    expect(output).not.toContain('"level":"error"')
  }
}, 180_000)

it('is one process where WORKERS is not set', async () => {
  const API_KEYS_FILE = `${project.folder}/keys.json`
  const server = await start(project.folder, { ...enough, API_KEYS_FILE, WORKERS: undefined })
  servers.push(server)
  expect(childrenOf(server.process.pid)).toEqual([])
  expect(await callTool(server, ...numbers)).toBe(200)
  expect(await (await fetch(`${server.adminUrl}/metrics`)).text()).not.toContain('mcp_workers')
  expect(server.lines.find(({ message }) => message === 'resources')).toMatchObject({
    workers: 1,
    cpus: expect.any(Number),
    heapLimitBytes: expect.any(Number),
  })
}, 180_000)

async function callsOneByOne<T>(count: number, call: () => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  while (answers.length < count) answers.push(await call())
  return answers
}

/** How the server ends, by itself or by a signal. */
async function ended(env: NodeJS.ProcessEnv, afterMs?: number) {
  const early = ['--import', import.meta.resolve('@mcp-prod/shutdown/early')]
  const child = spawn(process.execPath, [...early, 'dist/main.js'], {
    cwd: project.folder,
    env: {
      ...strangersEnv(),
      ...enough,
      ...{ API_KEYS_FILE: `${project.folder}/keys.json`, PORT: '0', ADMIN_PORT: '0', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output += chunk
    })
  if (afterMs !== undefined) setTimeout(() => child.kill('SIGTERM'), afterMs)
  const [code, signal] = await once(child, 'close')
  return { code: code ?? signal, output }
}
