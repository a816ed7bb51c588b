import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import express from 'express'
import { afterEach, describe, expect, it } from 'vitest'
import {
  isCallersDeadline,
  outgoingHeaders,
  type RequestDeadlineOptions,
  remainingMs,
  requestDeadline,
  withDeadline,
} from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Seen {
  leftMs: number
  byCaller: boolean
  headers: Record<string, string>
  error?: { code: number; message: string }
}

async function serve(options?: RequestDeadlineOptions) {
  const app = express()
  app.post('/', jsonBody(), requestDeadline(options), async (_req, res) => {
    await sleep(1)
    const byCaller = withDeadline(5_000, isCallersDeadline)
    res.json({ leftMs: remainingMs(), byCaller, headers: outgoingHeaders() })
  })
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const call = (meta?: unknown, id = 7) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name: 'x', ...(meta !== undefined && { _meta: meta }) },
})

/** Over a bare socket, so that headers go out as they are written. */
async function post(port: number, lines: string[] = [], body: unknown = call()) {
  const content = JSON.stringify(body)
  const head = ['POST / HTTP/1.1', 'Host: x', 'Connection: close', 'Content-Type: application/json']
  const socket = connect(port, '127.0.0.1')
  const length = `Content-Length: ${Buffer.byteLength(content)}`
  socket.write(Buffer.from(`${[...head, ...lines, length].join('\r\n')}\r\n\r\n`, 'latin1'))
  socket.write(content)
  const answer = await text(socket)
  const status = Number(answer.slice(9, 12))
  return { status, body: JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Seen }
}

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const OTHER = '00-11111111111111111111111111111111-2222222222222222-00'

describe('the time', () => {
  it("is the sender's, less what was used", async () => {
    const { status, body } = await post(await serve(), ['X-Request-Timeout-Ms: 5000'])
    expect(status).toBe(200)
    expect(body.leftMs).toBeGreaterThan(0)
    expect(body.leftMs).toBeLessThan(5_000)
    expect(Number(body.headers['X-Request-Timeout-Ms'])).toBeLessThan(5_000)
  })

  it.each([
    ['X-Request-Timeout-Ms: 999', true],
    ['X-Request-Timeout-Ms: 1000', false],
    ['X-Request-Timeout-Ms: 1001', false],
    ['X-Other: 1', false],
  ])("is known to be the sender's where it asked for less (%s: %s)", async (line, byCaller) => {
    expect(isCallersDeadline()).toBe(false)
    const { body } = await post(await serve({ maxMs: 1_000 }), [line])
    expect(body.byCaller).toBe(byCaller)
  })

  it.each([[[]], [['X-Request-Timeout-Ms: 999999999']]])(
    'is at most maxMs, whatever is asked for (%j)',
    async (lines) => {
      const { body } = await post(await serve({ maxMs: 1_000 }), lines)
      expect(body.leftMs).toBeGreaterThan(0)
      expect(body.leftMs).toBeLessThan(1_000)
    },
  )

  it('may come in a header of another name', async () => {
    const port = await serve({ header: 'X-Budget' })
    expect((await post(port, ['x-budget: 900'])).body.leftMs).toBeLessThan(900)
    expect(await post(port, ['x-budget: soon'])).toMatchObject({
      status: 400,
      body: { error: { message: expect.stringContaining('X-Budget') } },
    })
  })

  it.each([
    ['negative', ['X-Request-Timeout-Ms: -1']],
    ['zero', ['X-Request-Timeout-Ms: 0']],
    ['huge', [`X-Request-Timeout-Ms: ${'9'.repeat(400)}`]],
    ['past nine digits', ['X-Request-Timeout-Ms: 1000000000']],
    ['a fraction', ['X-Request-Timeout-Ms: 1.5']],
    ['an exponent', ['X-Request-Timeout-Ms: 1e3']],
    ['hexadecimal', ['X-Request-Timeout-Ms: 0x10']],
    ['with a unit', ['X-Request-Timeout-Ms: 5s']],
    ['empty', ['X-Request-Timeout-Ms:']],
    ['Infinity', ['X-Request-Timeout-Ms: Infinity']],
    ['a list', ['X-Request-Timeout-Ms: 100, 200']],
    ['other digits', ['X-Request-Timeout-Ms: \xb2\xb3']],
    ['twice', ['X-Request-Timeout-Ms: 100', 'x-request-timeout-ms: 200']],
    ['twice the same', ['X-Request-Timeout-Ms: 100', 'X-Request-Timeout-Ms: 100']],
  ])('%s is refused as JSON-RPC that names header and form', async (_, lines) => {
    expect(await post(await serve(), lines)).toEqual({
      status: 400,
      body: {
        jsonrpc: '2.0',
        id: 7,
        error: {
          code: 400,
          message: expect.stringMatching(/X-Request-Timeout-Ms must be one whole number of milli/),
        },
      },
    })
  })

  it('twice is refused too in a header of which Node keeps but the first', async () => {
    const port = await serve({ header: 'Max-Forwards' })
    expect((await post(port, ['Max-Forwards: 9', 'Max-Forwards: 8'])).status).toBe(400)
  })

  it('can only shrink behind another deadline', async () => {
    const app = express()
    app.use((_req, _res, next) => withDeadline(200, () => next()))
    app.post('/', jsonBody(), requestDeadline(), (_req, res) => {
      res.json({ leftMs: remainingMs() })
    })
    const server = app.listen(0, '127.0.0.1')
    closers.push(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const { body } = await post(port, ['X-Request-Timeout-Ms: 9000'])
    expect(body.leftMs).toBeLessThan(200)
  })

  it('keeps concurrent requests apart', async () => {
    const port = await serve()
    const seen = await Promise.all(
      [1_000, 20_000, 5_000, 10_000].map((ms) => post(port, [`X-Request-Timeout-Ms: ${ms}`])),
    )
    expect(seen.map(({ body }) => Math.ceil(body.leftMs / 1_000))).toEqual([1, 20, 5, 10])
  })
})

describe('the trace context', () => {
  const traceOf = async (lines: string[], body?: unknown) => {
    const { body: seen } = await post(await serve(), lines, body)
    const { 'X-Request-Timeout-Ms': _, ...trace } = seen.headers
    return trace
  }
  const inHeaders = [`traceparent: ${TRACE}`, 'tracestate: a=1', 'baggage: user=7']

  it('of the headers goes on to the next hop', async () => {
    expect(await traceOf(inHeaders)).toEqual({
      traceparent: TRACE,
      tracestate: 'a=1',
      baggage: 'user=7',
    })
    expect(await traceOf([])).toEqual({})
  })

  it("of the body's _meta wins as a whole: no part is mixed in", async () => {
    expect(await traceOf(inHeaders, call({ traceparent: OTHER }))).toEqual({ traceparent: OTHER })
  })

  it.each([
    ['of a batch is not looked at', [call({ traceparent: OTHER })]],
    ['without one falls back', call({})],
    ['that is no object falls back', call('x')],
    ['with a bad one falls back', call({ traceparent: 'x' })],
    ['with lists falls back', call({ traceparent: [OTHER], baggage: { a: 1 } })],
  ])('of a body %s to the headers', async (_, body) => {
    expect(await traceOf(inHeaders, body)).toMatchObject({ traceparent: TRACE })
  })

  it('of a later version goes on as ours, without what we do not know', async () => {
    expect(await traceOf([`traceparent: cc${TRACE.slice(2)}-what-else`])).toEqual({
      traceparent: TRACE,
    })
  })

  it.each([
    ['line breaks', `${TRACE}\r\nX-Admin: 1`],
    ['a line break at the end', `${TRACE}\n`],
    ['a later version with a line break behind', `cc${TRACE.slice(2)}\r\nX-Admin: 1`],
    ['version ff', `ff${TRACE.slice(2)}`],
    ['capitals', TRACE.toUpperCase()],
    ['an empty trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['an empty parent id', `00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`],
    ['more behind version 00', `${TRACE}-extra`],
    ['spaces', ` ${TRACE}`],
    ['two at once', `${TRACE}, ${TRACE}`],
    ['a megabyte', `cc${TRACE.slice(2)}-${'a'.repeat(1_000_000)}`],
    ['no text', 5],
  ])('with %s is refused, and its tracestate with it', async (_, traceparent) => {
    const body = call({ traceparent, tracestate: 'a=1' })
    expect(await traceOf([], body)).toEqual({})
  })

  it.each([
    ['tracestate', 'a=1\r\nX-Admin: 1'],
    ['tracestate', 'a=\u0000'],
    ['tracestate', 'a=é'],
    ['tracestate', `a=${'x'.repeat(511)}`],
    ['tracestate', ''],
    ['baggage', 'a=1\nX-Admin: 1'],
    ['baggage', 'a=\u{1f600}'],
    ['baggage', `a=${'x'.repeat(8_191)}`],
    ['baggage', 7],
  ])('drops a %s that could not be a header: %j', async (name, value) => {
    const body = call({ traceparent: TRACE, [name]: value })
    expect(await traceOf([], body)).toEqual({ traceparent: TRACE })
  })

  it('takes the longest that may be', async () => {
    const most = {
      traceparent: TRACE,
      tracestate: `a=${'x'.repeat(510)}`,
      baggage: `a=${'x'.repeat(8_190)}`,
    }
    expect(await traceOf([], call(most))).toEqual(most)
  })

  it('sent twice in headers is refused', async () => {
    expect(await traceOf([`traceparent: ${TRACE}`, `traceparent: ${OTHER}`])).toEqual({})
  })
})
