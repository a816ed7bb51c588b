import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { notFound, type RecoverOptions, recover } from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

const SECRET = 'password=hunter2'

async function serve(
  handler: RequestHandler,
  before?: ErrorRequestHandler,
  options: Partial<RecoverOptions> = {},
) {
  const logger = { info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const app = express()
  app.set('env', 'development')
  app.use((_req, res, next) => {
    res.set('X-Request-Id', 'req-1')
    next()
  })
  app.use('/mcp', jsonBody(), handler)
  app.get('/files/:name', handler)
  if (before) app.use(before)
  app.use(notFound(options))
  app.use(recover({ logger, ...options }))
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  /** Every byte of the answer, until the server ends the connection. */
  async function raw(method: string, path: string, body = ''): Promise<string> {
    const socket = connect(port, '127.0.0.1')
    socket.setEncoding('utf8')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    const type = body && `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
    socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n${type}Connection: close\r\n\r\n${body}`)
    socket.on('error', () => {})
    await once(socket, 'close')
    return text
  }
  return { logger, raw, bodyOf: (text: string) => JSON.parse(text.split('\r\n\r\n')[1] ?? '') }
}

const call = JSON.stringify({
  jsonrpc: '2.0',
  id: 'c1',
  method: 'tools/call',
  params: { name: 'x' },
})

const hostile = new Proxy(
  {},
  {
    get() {
      throw new Error(SECRET)
    },
    getPrototypeOf() {
      throw new Error(SECRET)
    },
  },
)
const circular: Record<string, unknown> = { message: SECRET }
circular.self = circular
const posing = Object.assign(new Error(SECRET, { cause: new Error(SECRET) }), {
  name: SECRET,
  status: 401,
  statusCode: 204,
  headers: { 'X-Leak': SECRET, 'Set-Cookie': SECRET },
  statusMessage: SECRET,
  code: SECRET,
})

const thrown: [string, unknown][] = [
  ['an error', new Error(SECRET)],
  ['an error with headers and an upstream status', posing],
  ['a string', SECRET],
  ['a number', 42],
  ['a frozen object', Object.freeze({ message: SECRET })],
  ['a circular object', circular],
  ['an object whose every property throws', hostile],
  ['an object without prototype', Object.assign(Object.create(null), { message: SECRET })],
  ['an aggregate', new AggregateError([new Error(SECRET)], SECRET)],
]
const ways: [string, (error: unknown) => RequestHandler][] = [
  [
    'thrown',
    (error) => () => {
      throw error
    },
  ],
  [
    'rejected',
    (error) => async () => {
      throw error
    },
  ],
  ['passed to next', (error) => (_req, _res, next) => next(error)],
  [
    'rejected later',
    (error) => async () => {
      await new Promise(setImmediate)
      throw error
    },
  ],
]

describe.each(ways)('an error %s', (_, way) => {
  it.each(thrown)('is JSON-RPC with a correlation id on the MCP route: %s', async (_, error) => {
    const { raw, bodyOf, logger } = await serve(way(error))
    const text = await raw('POST', '/mcp', call)
    expect(text).toMatch(/^HTTP\/1\.1 500 Internal Server Error\r\n/)
    expect(text).not.toMatch(/hunter2|X-Leak|\.ts:\d/i)
    const body = bodyOf(text)
    const correlationId = body.error.data.correlationId
    expect(correlationId).toMatch(/^[0-9a-f-]{36}$/)
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: 'c1',
      error: { code: -32603, message: 'Internal error', data: { correlationId } },
    })
    const fields = { correlationId, requestId: 'req-1', method: 'POST', path: '/mcp' }
    expect(logger.error).toHaveBeenCalledExactlyOnceWith(
      'request failed',
      expect.objectContaining(fields),
    )
    expect(logger.error.mock.calls[0]?.[1].error).toBe(error)
  })
})

it('is plain JSON elsewhere', async () => {
  const { raw, bodyOf } = await serve(() => {
    throw new Error(SECRET)
  })
  const text = await raw('GET', '/files/a')
  expect(bodyOf(text)).toEqual({
    error: 'internal_error',
    message: 'Internal Server Error',
    correlationId: expect.any(String),
  })
  expect(text).toMatch(/Cache-Control: no-store/i)
})

it('drops what the failed answer had said of itself, and keeps what the layers before had said', async () => {
  const { raw } = await serve((_req, res) => {
    res.set({
      ETag: '"secret"',
      'Set-Cookie': 'session=hunter2',
      'Content-Encoding': 'gzip',
      Location: '/hunter2',
    })
    res.statusMessage = SECRET
    throw new Error(SECRET)
  })
  const text = await raw('POST', '/mcp', call)
  expect(text).not.toMatch(/hunter2|gzip|"secret"/i)
  expect(text).toContain('X-Request-Id: req-1')
})

it('cuts off an answer that has begun, and writes nothing more', async () => {
  const { raw, logger } = await serve(async (_req, res) => {
    res.set('Content-Type', 'text/event-stream').write('data: 1\n\n')
    await new Promise((resolve) => setTimeout(resolve, 20))
    throw new Error(SECRET)
  })
  const text = await raw('POST', '/mcp', call)
  expect(text).toContain('data: 1')
  // A whole chunked answer ends with an empty chunk; this one must not look whole.
  expect(text).not.toMatch(/\r\n0\r\n\r\n$|hunter2|error/)
  expect(logger.error).toHaveBeenCalledTimes(1)
})

it('catches what another error handler throws', async () => {
  const { raw } = await serve(
    () => {
      throw new Error('first')
    },
    (_error, _req, _res, _next) => {
      throw new Error(SECRET)
    },
  )
  const text = await raw('POST', '/mcp', call)
  expect(text).toContain('-32603')
  expect(text).not.toContain('hunter2')
})

it.each([
  [
    'an error made to be shown',
    Object.assign(new Error(SECRET), { expose: true, status: 404 }),
    404,
  ],
  ['a hidden one', Object.assign(new Error(SECRET), { expose: false, status: 404 }), 500],
  [
    'one that shows a success',
    Object.assign(new Error(SECRET), { expose: true, status: 200 }),
    500,
  ],
  [
    'one with a status that is none',
    Object.assign(new Error(SECRET), { expose: true, status: '404\r\nX: y' }),
    500,
  ],
  [
    'one with an unknown status',
    Object.assign(new Error(SECRET), { expose: true, status: 499 }),
    500,
  ],
])('answers %s by its status and a fixed phrase', async (_, error, expected) => {
  const { raw } = await serve((_req, _res, next) => next(error))
  const text = await raw('POST', '/mcp', call)
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${expected} `))
  expect(text).not.toContain('hunter2')
})

it('refuses a path that does not decode with 400', async () => {
  const { raw, logger } = await serve((_req, res) => void res.end())
  const text = await raw('GET', '/files/%E0%A4%A')
  expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request/)
  expect(text).not.toContain('Failed to decode')
  expect(logger.error).not.toHaveBeenCalled()
})

it('answers although the logger throws', async () => {
  const boom = () => {
    throw new Error(SECRET)
  }
  const logger = { info: boom, warn: boom, error: boom }
  const { raw } = await serve(boom, undefined, { logger })
  expect(await raw('POST', '/mcp', call)).toContain('-32603')
})

it('tells of a client that went away without alarm', async () => {
  const { raw, logger } = await serve(async (_req, res) => {
    res.socket?.destroy()
    await once(res, 'close')
    throw new Error('socket hang up')
  })
  await raw('POST', '/mcp', call)
  await vi.waitFor(() => expect(logger.info).toHaveBeenCalledTimes(1))
  expect(logger.error).not.toHaveBeenCalled()
})

it('answers what no route took in JSON', async () => {
  const { raw, bodyOf } = await serve((_req, _res, next) => next())
  const text = await raw('GET', '/nothing/%3Cscript%3E')
  expect(text).toMatch(/^HTTP\/1\.1 404 Not Found/)
  expect(bodyOf(text)).toEqual({ error: 'not_found' })
  const rpc = await raw('POST', '/MCP/?x=1', call)
  expect(bodyOf(rpc)).toEqual({
    jsonrpc: '2.0',
    id: 'c1',
    error: { code: 404, message: 'Not Found' },
  })
})

it('refuses to be made without a logger', () => {
  expect(() => recover({} as RecoverOptions)).toThrow(
    expect.objectContaining({
      code: 'ERR_RECOVERY_OPTION',
      message: expect.stringContaining('logger'),
    }),
  )
})
