import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import express from 'express'
import { describe, expect, it } from 'vitest'
import {
  httpClient,
  type RequestEnd,
  requestDeadline,
  type TracedRequest,
  type TraceRequest,
} from '../src/index.js'
import { atEnd } from './http-servers.js'

const PARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const OWN = '00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01'

/** Answers the statuses in turn, then 200, and keeps the headers that came. */
async function upstream(...statuses: number[]) {
  const seen: Record<string, unknown>[] = []
  const app = express()
  app.use((req, res) => {
    seen.push(req.headers)
    res.status(statuses.shift() ?? 200).end()
  })
  return { seen, baseUrl: `${await listen(app)}/` }
}

async function listen(app: express.Express): Promise<string> {
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function client(baseUrl: string, trace?: TraceRequest) {
  const made = httpClient('billing', {
    baseUrl,
    retry: { minDelayMs: 1, maxDelayMs: 2 },
    ...(trace && { trace }),
  })
  atEnd(() => made.close())
  return made
}

/** Sends a request from within one that came with a trace context, as a server does. */
async function within(send: () => Promise<unknown>): Promise<void> {
  const app = express()
  app.post('/', jsonBody(), requestDeadline(), async (_req, res) => {
    await send()
    res.end()
  })
  const headers = {
    'content-type': 'application/json',
    traceparent: PARENT,
    tracestate: 'a=1',
    baggage: 'k=v',
  }
  const answer = await fetch(await listen(app), {
    method: 'POST',
    headers,
    body: '{"jsonrpc":"2.0"}',
  })
  expect(answer.status).toBe(200)
}

describe('trace', () => {
  it('is around each attempt, and told how it ended', async () => {
    const { baseUrl } = await upstream(503, 500, 404)
    const seen: TracedRequest[] = []
    const ends: RequestEnd[] = []
    const { request } = client(baseUrl, async (traced, send) => {
      seen.push(traced)
      ends.push(await send())
    })
    expect((await request('a?key=hunter2')).status).toBe(404)
    expect(seen.map(({ client, method, attempt }) => [client, method, attempt])).toEqual([
      ['billing', 'GET', 1],
      ['billing', 'GET', 2],
      ['billing', 'GET', 3],
    ])
    expect(seen[0]?.url.href).toBe(`${baseUrl}a?key=hunter2`)
    expect(ends).toEqual([{ status: 503 }, { status: 500 }, { status: 404 }])
  })

  it('is told of the error when there is no answer', async () => {
    const ends: RequestEnd[] = []
    const { request } = client('http://127.0.0.1:1/', async (_traced, send) => {
      ends.push(await send())
    })
    await expect(request('a', { method: 'POST' })).rejects.toMatchObject({ name: 'HttpError' })
    expect(ends).toEqual([{ error: expect.objectContaining({ code: 'ERR_RESILIENCE_HTTP' }) }])
  })

  it('replaces the context that is passed through, as a whole', async () => {
    const { seen, baseUrl } = await upstream()
    const { request } = client(baseUrl, (_traced, send) => send({ traceparent: OWN }))
    await within(() => request('a', { headers: { traceparent: PARENT, 'x-own': '1' } }))
    expect(seen[0]).toMatchObject({ traceparent: OWN, 'x-own': '1' })
    expect(seen[0]).toHaveProperty('x-request-timeout-ms')
    expect(seen[0]).not.toHaveProperty('tracestate')
    expect(seen[0]).not.toHaveProperty('baggage')
  })

  it('that names no headers, or is none, leaves it', async () => {
    const { seen, baseUrl } = await upstream()
    for (const { request } of [client(baseUrl, (_traced, send) => send()), client(baseUrl)])
      await within(() => request('a'))
    const passed = { traceparent: PARENT, tracestate: 'a=1', baggage: 'k=v' }
    expect(seen).toMatchObject([passed, passed])
  })

  it('cannot smuggle: what cannot be sent is left out, and the request goes on', async () => {
    const { seen, baseUrl } = await upstream()
    const { request } = client(baseUrl, (_traced, send) =>
      send({
        traceparent: OWN,
        baggage: 'k=v\r\nx-evil: 1',
        tracestate: 'ü\u0100',
        host: 'evil.example',
        'transfer-encoding': 'chunked',
        'x evil': '1',
      }),
    )
    expect((await request('a')).status).toBe(200)
    expect(seen[0]).toMatchObject({ traceparent: OWN, host: new URL(baseUrl).host })
    for (const name of ['baggage', 'tracestate', 'x-evil', 'transfer-encoding'])
      expect(seen[0]).not.toHaveProperty(name)
  })

  const hooks: [string, TraceRequest][] = [
    ['throws', () => raise()],
    ['rejects', async () => raise()],
    ['does not send', () => {}],
    ['sends late', (_traced, send) => setTimeout(send, 5)],
    ['sends twice', (_traced, send) => Promise.all([send(), send()])],
    ['throws after it', (_traced, send) => raise(send())],
  ]
  it.each(hooks)('changes no answer when it %s, and one request goes out', async (_what, trace) => {
    const { seen, baseUrl } = await upstream()
    expect((await client(baseUrl, trace).request('a')).status).toBe(200)
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(seen).toHaveLength(1)
  })

  it('must be a function', () => {
    const make = () => httpClient('billing', { trace: {} as TraceRequest })
    expect(make).toThrow(expect.objectContaining({ code: 'ERR_RESILIENCE_OPTION' }))
  })
})

function raise(_after?: unknown): never {
  throw new Error('hook failed')
}
