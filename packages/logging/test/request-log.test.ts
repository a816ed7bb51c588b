import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import express, { type RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  addLogFields,
  currentRequestId,
  type RequestLogOptions,
  requestIdOf,
  requestLog,
} from '../src/index.js'
import { capture, type Line } from './capture.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const ok: RequestHandler = (_req, res) => {
  res.send('ok')
}

async function serve(
  handler: RequestHandler = ok,
  options: RequestLogOptions = {},
  before?: RequestHandler,
) {
  const log = capture({ level: 'debug' })
  const app = express().set('trust proxy', 1)
  if (before) app.use(before)
  app.use(requestLog(log.logger, options))
  app.use(jsonBody())
  app.use((req, res, next) => handler(req, res, next))
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  async function access(count = 1): Promise<Line[]> {
    const find = async () => (await log.lines()).filter(({ message }) => message === 'request')
    await vi.waitFor(async () => expect(await find()).toHaveLength(count))
    // Nothing more may follow.
    await setTimeout(20)
    return find()
  }
  return { ...log, port, url, access, get: (init?: RequestInit) => fetch(url, init) }
}

const post = (body: unknown, headers = {}): RequestInit => ({
  method: 'POST',
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json', ...headers },
})
const call = (name: unknown, id = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name },
})

describe('the request id', () => {
  it('is taken from the caller when well formed, answered and logged', async () => {
    const { get, access } = await serve((req, res) => {
      res.send(requestIdOf(req))
    })
    const response = await get({ headers: { 'x-request-id': 'Trace_1.a-B' } })
    expect(response.headers.get('x-request-id')).toBe('Trace_1.a-B')
    expect(await response.text()).toBe('Trace_1.a-B')
    expect(await access()).toMatchObject([{ requestId: 'Trace_1.a-B' }])
  })

  it.each(['', 'a b', 'a,b', 'é', '"', '../x y', 'x'.repeat(129), '{"level":"error"}'])(
    'is made when the caller sends %j',
    async (sent) => {
      const { get, access } = await serve()
      const response = await get({ headers: { 'x-request-id': sent } })
      const requestId = response.headers.get('x-request-id')
      expect(requestId).toMatch(UUID)
      expect(await access()).toMatchObject([{ requestId }])
    },
  )

  it('is made when two are sent, and always when the caller is not trusted', async () => {
    const { port, access } = await serve()
    const socket = connect(port, '127.0.0.1')
    socket.end(
      'GET / HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nX-Request-Id: b\r\nConnection: close\r\n\r\n',
    )
    socket.resume()
    expect((await access())[0]?.requestId).toMatch(UUID)
    const distrusting = await serve(ok, { trustRequestId: false })
    const response = await distrusting.get({ headers: { 'x-request-id': 'mine' } })
    expect(response.headers.get('x-request-id')).toMatch(UUID)
  })

  it('is on every line logged meanwhile, after the body and timers, and never on those of others', async () => {
    const app = await serve(async (req, res) => {
      app.logger.child({ component: 'tool' }).info('start', { name: req.body.params.name })
      await setTimeout(Number(req.headers['x-wait']))
      app.logger.info('end', { name: req.body.params.name, requestId: 'forged' })
      res.send(currentRequestId())
    })
    const ids = await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const id = `id-${i}`
        const response = await app.get(
          post(call(id), { 'x-request-id': id, 'x-wait': `${20 - i}` }),
        )
        return [id, await response.text()]
      }),
    )
    for (const [id, seen] of ids) expect(seen).toBe(id)
    await app.access(20)
    app.logger.info('outside', { requestId: 'job-1' })
    const lines = await app.lines()
    const inside = lines.filter(({ message }) => message === 'start' || message === 'end')
    expect(inside).toHaveLength(40)
    for (const line of inside) expect(line.requestId).toBe(line.name)
    expect(lines.at(-1)).toMatchObject({ message: 'outside', requestId: 'job-1' })
    expect(currentRequestId()).toBeUndefined()
  })
})

describe('the access line', () => {
  it('tells who asked for what and how it ended', async () => {
    const { url, access } = await serve((req, res) => {
      Object.assign(req, { auth: { clientId: 'app', extra: { principal: 'alice' } } })
      res.send('x'.repeat(1000))
    })
    const init = post(call('lookup'), {
      'mcp-protocol-version': '2026-07-28',
      'x-forwarded-for': '203.0.113.7',
    })
    await (await fetch(`${url}/mcp?token=hunter2`, init)).text()
    const [line] = await access()
    expect(line).toMatchObject({
      level: 'info',
      method: 'POST',
      path: '/mcp',
      status: 200,
      remoteAddress: '203.0.113.7',
      principal: 'alice',
      rpcMethod: 'tools/call',
      tool: 'lookup',
      era: 'modern',
    })
    expect(line?.bytes).toBeGreaterThan(1000)
    expect(line?.bytes).toBeLessThan(2000)
    expect(line?.durationMs).toBeTypeOf('number')
    expect(line).not.toHaveProperty('batch')
  })

  it('counts the bytes of each request alone on a connection that is kept', async () => {
    const { port, access } = await serve()
    const socket = connect(port, '127.0.0.1')
    socket.resume()
    for (let i = 0; i < 3; i++) {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      await access(i + 1)
    }
    socket.destroy()
    const lines = await access(3)
    expect(new Set(lines.map(({ bytes }) => bytes)).size).toBe(1)
  })

  it('names the methods and tools of a batch once each, and counts its calls', async () => {
    const { get, access } = await serve()
    await get(
      post([call('a'), call('b', 2), call('a', 3), { jsonrpc: '2.0', method: 'notifications/x' }]),
    )
    expect(await access()).toMatchObject([
      { rpcMethod: 'tools/call,notifications/x', tool: 'a,b', era: 'legacy', batch: 4 },
    ])
  })

  it('caps what the caller chose, and shows no secret in it', async () => {
    const { url, access } = await serve((_req, res) => {
      res.status(404).send('no')
    })
    const method = 'm'.repeat(100_000)
    await fetch(`${url}/${'p'.repeat(5000)}`, post({ jsonrpc: '2.0', id: 1, method }))
    await fetch(
      `${url}/mcp_id_hunter2`,
      post([call('t'.repeat(100_000)), call('\n{"level":"error"}')]),
    )
    const [first, second] = await access(2)
    expect(first).toMatchObject({ path: `/${'p'.repeat(127)}`, rpcMethod: 'm'.repeat(128) })
    expect(second).toMatchObject({ path: '/mcp_id_[redacted]', tool: 't'.repeat(128) })
  })

  it('falls back to the client id, takes principalOf, and survives one that throws', async () => {
    const asClient: RequestHandler = (req, res) => {
      Object.assign(req, { auth: { clientId: 'app', extra: { principal: 7 } } })
      res.send('ok')
    }
    const options: RequestLogOptions = {
      principalOf: (req) => {
        if (req.headers['x-throw']) throw new Error('principalOf')
        return 'own'
      },
    }
    const { get, access } = await serve(asClient, options)
    await get()
    await get({ headers: { 'x-throw': '1' } })
    const [own, thrown] = await access(2)
    expect(own).toMatchObject({ principal: 'own' })
    expect(thrown).not.toHaveProperty('principal')
    const fallback = await serve((req, res) => {
      Object.assign(req, { auth: { clientId: 'app' } })
      res.send('ok')
    })
    await fallback.get()
    expect(await fallback.access()).toMatchObject([{ principal: 'app' }])
  })

  describe('of an authenticated caller', () => {
    const asking =
      (auth: object): RequestHandler =>
      (req, res) => {
        Object.assign(req, { auth })
        res.send('ok')
      }

    it('says through which client, and for which tenant where there is one', async () => {
      const extra = { principal: 'alice', tenant: 'acme' }
      const { get, access } = await serve(asking({ clientId: 'app', extra }))
      await get()
      expect(await access()).toMatchObject([{ principal: 'alice', tenant: 'acme', client: 'app' }])
      const single = await serve(asking({ clientId: 'app', extra: {} }))
      await single.get()
      const [line] = await single.access()
      expect(line).toMatchObject({ principal: 'app', client: 'app' })
      expect(line).not.toHaveProperty('tenant')
    })

    it('says nothing of them for nobody', async () => {
      const { get, access } = await serve()
      await get()
      const [line] = await access()
      for (const field of ['principal', 'tenant', 'client']) expect(line).not.toHaveProperty(field)
    })

    it('keeps a tenant that the application knows of', async () => {
      const { get, access } = await serve((_req, res) => {
        addLogFields({ tenant: 'by host name', client: 'mobile' })
        res.send('ok')
      })
      await get()
      expect(await access()).toMatchObject([{ tenant: 'by host name', client: 'mobile' }])
    })

    it.each([
      ['a line of its own', 'acme\n{"level":"error","message":"forged"}'],
      ['a carriage return and an escape', 'acme\r\u001b[2K\u001b[1A\u0007\u0000'],
      ['line separators of Unicode', 'acme\u2028forged\u2029forged\u0085forged'],
      ['text that runs backwards', 'acme\u202egnissim\u2066'],
      ['half a character', '\ud800acme'],
    ])('cannot be made to write %s', async (_, name) => {
      const auth = { clientId: name, extra: { principal: name, tenant: name } }
      const { get, access, raw } = await serve(asking(auth))
      await get()
      expect(await access()).toMatchObject([{ principal: name, tenant: name, client: name }])
      const line = (await raw()).slice(0, -1)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ud800]/)
    })

    it('is cut however long the names are', async () => {
      const name = 'n'.repeat(5_000_000)
      const auth = { clientId: name, extra: { principal: name, tenant: name } }
      const { get, access, raw } = await serve(asking(auth))
      await get()
      const short = 'n'.repeat(128)
      expect(await access()).toMatchObject([{ principal: short, tenant: short, client: short }])
      expect((await raw()).length).toBeLessThan(1500)
      const own = await serve(ok, { principalOf: () => name })
      await own.get()
      expect(await own.access()).toMatchObject([{ principal: short }])
    })

    it.each<[string, unknown]>([
      ['an object with toString', { toString: () => 'forged\n' }],
      ['an object with toJSON', { toJSON: () => 'forged' }],
      ['a list', ['forged']],
      ['a boxed text', Object('forged')],
      ['a number', 7],
      ['an empty text', ''],
      ['null', null],
    ])('does not say %s', async (_, name) => {
      const auth = { clientId: name, extra: { principal: name, tenant: name } }
      const { get, access, raw } = await serve(asking(auth), {})
      await get()
      const own = await serve(ok, { principalOf: () => name as string })
      await own.get()
      for (const [line] of [await access(), await own.access()]) {
        for (const field of ['principal', 'tenant', 'client'])
          expect(line).not.toHaveProperty(field)
      }
      expect(await raw()).not.toContain('forged')
    })

    it('is written although looking at the caller throws', async () => {
      const extra = {
        get tenant() {
          throw new Error('tenant')
        },
      }
      const { get, access } = await serve(asking({ clientId: 'app', extra }))
      await get()
      expect(await access()).toMatchObject([{ status: 200, principal: 'app' }])
    })
  })

  it.each([
    [200, 'info'],
    [401, 'info'],
    [429, 'info'],
    [500, 'error'],
    [503, 'error'],
  ])('of a %i is logged as %s', async (status, level) => {
    const { get, access } = await serve((_req, res) => {
      res.status(status).send('x')
    })
    await get()
    expect(await access()).toMatchObject([{ status, level }])
  })

  it('says 499 when the client goes away before the answer has ended, once', async () => {
    const { port, access } = await serve((_req, res) => {
      res.write('begun')
    })
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    expect(await access()).toMatchObject([
      { status: 499, path: '/slow', level: 'info', remoteAddress: '127.0.0.1' },
    ])
  })

  it('keeps the status of a refusal whose client goes away', async () => {
    const { port, access } = await serve((_req, res) => {
      res.status(413).write('begun')
    })
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    socket.destroy()
    expect(await access()).toMatchObject([{ status: 413 }])
  })

  it('waits for the end of a stream', async () => {
    const { get, access, lines } = await serve(async (_req, res) => {
      res.set('content-type', 'text/event-stream').write('data: 1\n\n')
      await setTimeout(60)
      res.end('data: 2\n\n')
    })
    const response = await get()
    expect(await lines()).toEqual([])
    await response.text()
    const [line] = await access()
    expect(line?.status).toBe(200)
    expect(line?.durationMs).toBeGreaterThanOrEqual(50)
  })

  it('is written also when the client had gone before an earlier middleware was done', async () => {
    const slow: RequestHandler = async (_req, _res, next) => {
      await setTimeout(50)
      next()
    }
    const { port, access } = await serve(ok, {}, slow)
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await setTimeout(20)
    socket.destroy()
    expect(await access()).toMatchObject([{ status: 499 }])
  })

  it('is written once when the middleware is mounted twice, and not when skipped', async () => {
    const outer = capture()
    const { get, access } = await serve(
      ok,
      { skip: (req) => req.path === '/health' },
      requestLog(outer.logger),
    )
    await get()
    await setTimeout(20)
    expect(await outer.lines()).toHaveLength(1)
    const skipping = await serve(ok, { skip: () => true })
    expect((await skipping.get()).headers.get('x-request-id')).toMatch(UUID)
    expect(await access(0)).toEqual([])
    expect(await skipping.access(0)).toEqual([])
  })
})

describe('addLogFields', () => {
  it('gives way to what is true at the moment of the line', async () => {
    const span = new AsyncLocalStorage<string>()
    const { logger, lines } = capture({ contextFields: () => ({ traceId: span.getStore() }) })
    const { get } = await serve((_req, res) => {
      addLogFields({ traceId: 'of the request' })
      span.run('of the call', () => logger.info('within'))
      logger.info('mine', { traceId: 'own' })
      res.send('ok')
    })
    await get()
    expect((await lines()).map(({ traceId }) => traceId)).toEqual(['of the call', 'own'])
  })

  it('adds to later lines of the request and to its access line, which keeps its own', async () => {
    const { get, access, lines, logger } = await serve((_req, res) => {
      addLogFields({ outcome: 'ok', status: 1, level: 'error', token: 'hunter2' })
      logger.info('later', { outcome: 'mine' })
      addLogFields({ outcome: 'tool_error' })
      res.send('ok')
    })
    await get()
    expect(await access()).toMatchObject([
      { level: 'info', status: 200, outcome: 'tool_error', token: '[redacted]', level_: 'error' },
    ])
    expect(await lines()).toMatchObject([{ message: 'later', outcome: 'mine' }, {}])
  })

  it('keeps a bounded number, and does nothing outside of a request', async () => {
    addLogFields({ outcome: 'nowhere' })
    const { get, access } = await serve((_req, res) => {
      for (let i = 0; i < 10_000; i++) addLogFields({ [`k${i}`]: i })
      addLogFields({ k0: 'replaced' })
      res.send('ok')
    })
    await get()
    const [line = {}] = await access()
    expect(Object.keys(line).filter((key) => /^k\d/.test(key))).toHaveLength(32)
    expect(line).toMatchObject({ k0: 'replaced' })
    expect(line).not.toHaveProperty('outcome')
  })
})

it('serves on when the logger throws', async () => {
  const broken = () => {
    throw new Error('logger')
  }
  const app = express().use(requestLog({ info: broken, error: broken }), ok)
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  for (let i = 0; i < 2; i++) expect((await fetch(`http://127.0.0.1:${port}`)).status).toBe(200)
})

it('is a named middleware and leaves nothing on the request but a symbol of its own', async () => {
  expect(requestLog(capture().logger).name).toBe('requestLogMiddleware')
  const seen: PropertyKey[][] = []
  const before: RequestHandler = (req, _res, next) => {
    seen.push(Reflect.ownKeys(req))
    next()
  }
  const { get } = await serve(
    (req, res) => {
      seen.push(Reflect.ownKeys(req))
      res.send('ok')
    },
    {},
    before,
  )
  await get()
  const added = seen[1]?.filter((key) => !seen[0]?.includes(key))
  expect(added?.map(String)).toEqual(['Symbol(context)'])
})

it.each([
  ['logger', [undefined]],
  ['logger', [{ info() {} }]],
  ['trustRequestId', [{ info() {}, error() {} }, { trustRequestId: 'yes' }]],
  ['skip', [{ info() {}, error() {} }, { skip: '/health' }]],
  ['principalOf', [{ info() {}, error() {} }, { principalOf: 'sub' }]],
])('refuses a wrong %s at creation, by name', (option, args) => {
  expect(() => Reflect.apply(requestLog, undefined, args)).toThrow(
    expect.objectContaining({
      code: 'ERR_LOGGING_OPTION',
      message: expect.stringContaining(option),
    }),
  )
})
