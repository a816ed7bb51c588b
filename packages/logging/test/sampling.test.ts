import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import express, { type RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { addLogFields, type RequestLogOptions, requestLog } from '../src/index.js'
import { createSampler } from '../src/sample.js'
import { capture } from './capture.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(options: RequestLogOptions, handler: RequestHandler) {
  const log = capture()
  const app = express().use(requestLog(log.logger, options), jsonBody(), handler)
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const get = async (path = '/', init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
    await response.text()
  }
  /** The access lines, when the server has ended all it was asked. */
  async function access() {
    await setTimeout(50)
    return (await log.lines()).filter(({ message }) => message === 'request')
  }
  return { get, access }
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
})
const rpc = (method: string, id = 1) => ({ jsonrpc: '2.0', id, method, params: { name: 'x' } })
const key = 'a-secret-that-replicas-share'
const ids = (count: number) => Array.from({ length: count }, () => randomUUID() as string)
const shareOf = (decisions: boolean[]) => decisions.filter(Boolean).length / decisions.length

describe('the share that is written', () => {
  it.each([0.01, 0.25, 0.9])('is %d of all requests', (rate) => {
    const sampled = createSampler(rate)
    const share = shareOf(ids(20_000).map(sampled))
    // Six standard deviations.
    expect(Math.abs(share - rate)).toBeLessThan(6 * Math.sqrt((rate * (1 - rate)) / 20_000))
  })

  it('is the same on all replicas that share a key', () => {
    const requests = ids(500)
    const [one, two] = [createSampler(0.3, key), createSampler(0.3, key)]
    expect(requests.map(one)).toEqual(requests.map(two))
  })

  it('cannot be steered by ids that a caller computed or saw', () => {
    const share = (id: string) =>
      createHash('sha256').update(id).digest().readUIntBE(0, 6) / 2 ** 48
    const elsewhere = createSampler(0.1)
    // What an unkeyed hash, or another process, would leave out.
    const chosen = ids(20_000).filter((id) => share(id) > 0.1 && !elsewhere(id))
    expect(shareOf(chosen.map(createSampler(0.1)))).toBeGreaterThan(0.08)
  })

  it('cannot be escaped by sending one lucky id again and again, or a few in turn', () => {
    for (let attacker = 0; attacker < 20; attacker++) {
      const sampled = createSampler(0.1)
      const few = ids(1 + attacker)
      const decisions = Array.from({ length: 3000 }, (_, i) => sampled(few[i % few.length] ?? ''))
      expect(shareOf(decisions)).toBeGreaterThan(0.06)
      expect(shareOf(decisions)).toBeLessThan(0.15)
    }
  })

  it('remembers a bounded number of ids', () => {
    const sampled = createSampler(0.5, key)
    const watched = ids(60)
    const first = watched.map(sampled)
    for (const id of ids(1001)) sampled(id)
    // Forgotten, so that the id decides again as it did.
    expect(watched.map(sampled)).toEqual(first)
    expect(watched.map(sampled)).not.toEqual(first)
  })

  it('says by how much to multiply, on no line but those', async () => {
    const { get, access } = await serve({ sampleRate: 0.5, sampleKey: key }, (req, res) => {
      res.status(Number(req.query.status ?? 200)).end()
    })
    const requests = ids(40)
    for (const id of requests) await get('/', { headers: { 'x-request-id': id } })
    const expected = requests.filter(createSampler(0.5, key))
    const lines = await access()
    expect(lines.map(({ requestId }) => requestId)).toEqual(expected)
    for (const line of lines) expect(line.sampled).toBe(0.5)
    const all = await serve({}, (_req, res) => void res.end())
    await all.get()
    expect((await all.access())[0]).not.toHaveProperty('sampled')
  })

  it('leaves out no refusal, no failure and nothing whose outcome is not ok', async () => {
    const { get, access } = await serve({ sampleRate: 0, slowMs: 10_000 }, (req, res) => {
      if (req.query.outcome) addLogFields({ outcome: req.query.outcome })
      res.status(Number(req.query.status ?? 200)).end()
    })
    const written = ['?status=400', '?status=401', '?status=429', '?status=500', '?status=503']
    written.push('?outcome=tool_error')
    for (const query of ['', '?status=201', '?status=304', '?outcome=ok', ...written])
      await get(`/${query}`)
    const lines = await access()
    expect(lines.map(({ status }) => status)).toEqual([400, 401, 429, 500, 503, 200])
    for (const line of lines) expect(line).not.toHaveProperty('sampled')
  })
})

describe('a slow request', () => {
  const slowly: RequestHandler = async (req, res) => {
    await setTimeout(Number(req.query.ms ?? 80))
    if (req.query.type) res.type(String(req.query.type))
    res.status(Number(req.query.status ?? 200)).end()
  }

  it('is a warning, and written whatever is sampled', async () => {
    const { get, access } = await serve({ sampleRate: 0, slowMs: 60 }, slowly)
    await get('/?ms=0')
    await get()
    const lines = await access()
    // Only the machine can make the first one slow.
    expect(lines.at(-1)).toMatchObject({ level: 'warn', slow: true, status: 200 })
    expect(lines.at(-1)).not.toHaveProperty('sampled')
    expect(Number(lines.at(-1)?.durationMs)).toBeGreaterThan(60)
  })

  it.each([
    ['a failure stays an error', 'status=500', { level: 'error', slow: true }],
    ['a stranger cannot wake anybody', 'status=401', { level: 'info', status: 401 }],
    ['a timeout of ours', 'status=504', { level: 'error', slow: true }],
  ])('%s', async (_name, query, expected) => {
    const { get, access } = await serve({ slowMs: 20 }, slowly)
    await get(`/?${query}`)
    const [line] = await access()
    expect(line).toMatchObject(expected)
    if (line?.status === 401) expect(line).not.toHaveProperty('slow')
  })

  it.each([
    ['a GET of events', '/?type=text/event-stream', {}, false],
    ['a subscription', '/?type=text/event-stream', post(rpc('subscriptions/listen')), false],
    ['a call answered as events', '/?type=text/event-stream', post(rpc('tools/call')), true],
    [
      'a call beside a subscription',
      '/?type=text/event-stream',
      post([rpc('subscriptions/listen'), rpc('tools/call', 2)]),
      true,
    ],
    ['a subscription that is no stream', '/?type=json', post(rpc('subscriptions/listen')), true],
    ['a GET of text that says events', '/?type=text/event-streams', {}, true],
  ])('%s: %s', async (_name, path, init, slow) => {
    const { get, access } = await serve({ slowMs: 20 }, slowly)
    await get(path, init)
    expect((await access())[0]).toMatchObject({ level: slow ? 'warn' : 'info' })
  })
})

it.each([
  ['sampleRate', { sampleRate: 1.1 }],
  ['sampleRate', { sampleRate: -0.1 }],
  ['sampleRate', { sampleRate: '0.5' }],
  ['sampleRate', { sampleRate: Number.NaN }],
  ['sampleKey', { sampleKey: 'short' }],
  ['sampleKey', { sampleKey: 7 }],
  ['slowMs', { slowMs: 0 }],
  ['slowMs', { slowMs: Number.NaN }],
  ['logger', { slowMs: 100 }],
])('refuses a wrong %s at creation: %j', (option, options) => {
  const logger = { info: vi.fn(), error: vi.fn() }
  const create = () => requestLog(logger, options as never)
  expect(create).toThrow(
    expect.objectContaining({
      code: 'ERR_LOGGING_OPTION',
      message: expect.stringContaining(`: ${option} must be`),
    }),
  )
  expect(create).not.toThrow(/got "?short/)
})
