import { gzipSync } from 'node:zlib'
import express from 'express'
import { describe, expect, it } from 'vitest'
import { jsonBody, rpcIdOf, sendRpcError } from '../src/index.js'
import { echoApp, head, listen, open, post } from './support.js'

const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'

const refused = (status: number, code: number, message = '') => ({
  status,
  body: {
    jsonrpc: '2.0',
    id: null,
    error: { code, message: expect.stringContaining(message) },
  },
})

describe('media type', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/json;',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json ; version=1; charset=utf8',
  ])('accepts %s', async (type) => {
    const { url } = await listen(echoApp())
    expect(await post(url, ping, { 'Content-Type': type })).toMatchObject({
      status: 200,
      body: { id: 1 },
    })
  })

  it.each([
    ['text/plain', 'Content-Type'],
    ['application/x-www-form-urlencoded', 'Content-Type'],
    ['multipart/form-data; boundary=application/json', 'Content-Type'],
    ['text/plain; application/json', 'Content-Type'],
    ['application/json, text/plain', 'Content-Type'],
    ['application/jsonp', 'Content-Type'],
    ['application/vnd.api+json', 'Content-Type'],
    ['application/json-seq', 'Content-Type'],
    ['', 'Content-Type'],
    ['application/json; charset=utf-16', 'charset'],
    ['application/json; charset=utf-7', 'charset'],
    ['application/json; charset="utf-8', 'charset'],
    ['application/json; charset = utf-16le', 'charset'],
    ['application/json; charset=utf-8; charset=utf-16', 'charset'],
    ['application/json; charset=', 'charset'],
  ])('refuses "%s" with 415', async (type, reason) => {
    const { url } = await listen(echoApp())
    expect(await post(url, ping, { 'Content-Type': type })).toMatchObject(refused(415, 415, reason))
  })

  it('refuses a body without a media type, as a cross-site form could send it', async () => {
    const { port } = await listen(echoApp())
    const { socket, until, received } = open(port)
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${ping.length}\r\n\r\n${ping}`)
    await until('}}')
    expect(received()).toMatch(/^HTTP\/1\.1 415 /)
  })

  it.each(['gzip', 'deflate', 'br', 'zstd', 'identity, gzip', 'x-unknown'])(
    'refuses Content-Encoding %s unread: a bomb is never inflated',
    async (encoding) => {
      const { url } = await listen(echoApp())
      const bomb = gzipSync(Buffer.alloc(1_000_000, '['))
      expect(await post(url, bomb, { 'Content-Encoding': encoding })).toMatchObject(
        refused(415, 415, 'Content-Encoding'),
      )
    },
  )

  it('accepts Content-Encoding identity in any case', async () => {
    const { url } = await listen(echoApp())
    expect((await post(url, ping, { 'Content-Encoding': 'Identity' })).status).toBe(200)
  })
})

describe('content', () => {
  it.each([
    ['nothing', ''],
    ['a number', '1'],
    ['a string', '"ping"'],
    ['null', 'null'],
    ['an empty batch', '[]'],
    ['a batch over the cap', `[${'1,'.repeat(100)}1]`],
  ])('refuses %s with -32600', async (_, body) => {
    const { url } = await listen(echoApp())
    expect(await post(url, body)).toMatchObject(refused(400, -32600, 'Invalid Request: '))
  })

  it.each([
    ['half an object', '{"id":1'],
    ['two messages', `${ping}${ping}`],
    ['a trailing comma', '{"id":1,}'],
    ['a comment', '{} // x'],
    ['single quotes', "{'id':1}"],
    ['NaN', '{"id":NaN}'],
    ['a form', 'method=ping'],
    ['white space', ' \n'],
    ['closing brackets before opening ones', `${']'.repeat(100)}${'['.repeat(100)}`],
    ['a lone continuation byte', Buffer.from([0x22, 0x80, 0x22])],
    ['an overlong slash', Buffer.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d])],
    ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a sequence cut off', Buffer.from([0x22, 0xe2, 0x82])],
    ['UTF-16', Buffer.from(ping, 'utf16le')],
    ['a NUL', Buffer.from('{}\0')],
  ])('refuses %s with -32700', async (_, body) => {
    const { url } = await listen(echoApp())
    expect(await post(url, body)).toMatchObject(refused(400, -32700, 'Parse error'))
  })

  it('keeps nothing of a refused body and of the error JSON.parse would show', async () => {
    const { url } = await listen(echoApp())
    const { body } = await post(url, '{"password":"hunter2"')
    expect(JSON.stringify(body)).not.toMatch(/hunter2|position|Unexpected|SyntaxError/)
  })

  it('accepts {}, a byte order mark and a batch at the cap', async () => {
    const { url } = await listen(echoApp({ maxBatch: 3 }))
    expect(await post(url, '{}')).toMatchObject({ status: 200, body: { body: {} } })
    expect(await post(url, `\uFEFF${ping}`)).toMatchObject({ status: 200, body: { id: 1 } })
    expect(await post(url, '[{},{},{}]')).toMatchObject({ status: 200 })
  })

  it('keeps text whole when a character is split between two chunks', async () => {
    const { port } = await listen(echoApp())
    const { socket, until, received } = open(port)
    const bytes = Buffer.from('{"id":"€","method":"ping"}')
    socket.write(head(`Content-Length: ${bytes.length}`))
    for (const byte of bytes) {
      socket.write(Buffer.from([byte]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    await until('"ran":true')
    expect(received()).toContain('"id":"€"')
  })

  it.each(['[', '{"a":'])(
    'refuses 100,000 levels of %s before anything walks them',
    async (bracket) => {
      const { url } = await listen(echoApp())
      expect(await post(url, bracket.repeat(100_000))).toMatchObject(
        refused(400, -32600, 'deeper than 64'),
      )
    },
  )

  it('counts levels exactly, siblings not at all', async () => {
    const { url } = await listen(echoApp({ maxDepth: 3 }))
    expect((await post(url, '{"a":[{}]}')).status).toBe(200)
    expect((await post(url, `{"a":[${'{},'.repeat(1000)}{}]}`)).status).toBe(200)
    expect(await post(url, '{"a":[{"b":[]}]}')).toMatchObject(refused(400, -32600))
  })

  it.each([
    ['in a string', JSON.stringify({ a: '[{'.repeat(50_000) })],
    ['after an escaped quote', JSON.stringify({ a: `\\"${'['.repeat(100)}` })],
    ['after an escaped backslash', JSON.stringify({ a: '\\', b: '[[[[[\\' })],
    ['in a key', JSON.stringify({ ['['.repeat(100)]: 1 })],
  ])('does not count brackets %s', async (_, body) => {
    const { url } = await listen(echoApp({ maxDepth: 2 }))
    expect(await post(url, body)).toMatchObject({ status: 200, body: { body: JSON.parse(body) } })
  })

  it('counts brackets behind a string that only seems to be open', async () => {
    const { url } = await listen(echoApp({ maxDepth: 3 }))
    expect(await post(url, String.raw`{"a":"\\","b":[[[[]]]]}`)).toMatchObject(refused(400, -32600))
  })

  it('leaves Object.prototype alone and is not fooled by __proto__', async () => {
    const { url } = await listen(echoApp())
    const body = `{"__proto__":{"method":"tools/call","id":7,"polluted":1},
      "constructor":{"prototype":{"polluted":1}},"params":{"__proto__":{"name":"x","_meta":{}}}}`
    const { body: answer } = await post(url, body)
    expect(answer.calls).toEqual([
      { kind: 'invalid', id: null, method: '', params: expect.anything() },
    ])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('what it leaves alone', () => {
  it.each(['GET', 'DELETE', 'PUT'])('passes a %s without reading its body', async (method) => {
    const { url } = await listen(echoApp())
    const response = await fetch(url, { method, ...(method === 'PUT' && { body: 'not json' }) })
    expect(await response.json()).toEqual({ ran: true, calls: [], id: null, era: 'legacy' })
  })

  it('takes a body another parser has read, but no larger batch and no scalar', async () => {
    const app = express()
    app.use(
      express.json({ strict: false }),
      express.text({ type: 'text/plain' }),
      express.raw({ type: 'x/y' }),
    )
    app.use(echoApp({ maxBatch: 2 }))
    const { url } = await listen(app)
    expect(await post(url, ping)).toMatchObject({ status: 200, body: { id: 1 } })
    expect(await post(url, '[{},{},{}]')).toMatchObject(refused(400, -32600, 'more than 2'))
    expect(await post(url, '3')).toMatchObject(refused(400, -32600))
    expect(await post(url, ping, { 'Content-Type': 'text/plain' })).toMatchObject(
      refused(400, -32600),
    )
    expect(await post(url, ping, { 'Content-Type': 'x/y' })).toMatchObject(refused(400, -32600))
  })

  it('reads once: mounted twice it passes the same body on', async () => {
    const app = express()
    app.use(jsonBody())
    app.use(echoApp())
    const { url } = await listen(app)
    expect(await post(url, ping)).toMatchObject({ status: 200, body: { id: 1 } })
  })

  it.each([
    ['read to its end', 'end'],
    ['begun to be read', 'data'],
  ])(
    'hands a body that something else has %s to the error handler, not to the tools',
    async (_, event) => {
      const app = express()
      app.use((req, _res, next) => {
        req.on('data', () => {}).once(event, () => setImmediate(next))
      })
      app.use(echoApp())
      app.use(((error, req, res, _next) => {
        sendRpcError(req, res, 500, { code: 500, message: error.code })
      }) satisfies express.ErrorRequestHandler)
      const { url } = await listen(app)
      expect(await post(url, ping)).toMatchObject(refused(500, 500, 'ERR_RPC_BODY_CONSUMED'))
    },
  )
})

it('answers a refusal that knows the request with its id', async () => {
  const app = express()
  app.use(jsonBody(), (req, res) => {
    sendRpcError(req, res, 403, { code: 403, message: String(rpcIdOf(req)), data: { scope: 'x' } })
  })
  const { url } = await listen(app)
  expect(await post(url, '{"id":"a","method":"x"}')).toMatchObject({
    status: 403,
    body: { jsonrpc: '2.0', id: 'a', error: { code: 403, message: 'a', data: { scope: 'x' } } },
  })
})

it.each([
  ['maxBytes', { maxBytes: 0 }],
  ['maxBytes', { maxBytes: '4mb' as unknown as number }],
  ['maxDepth', { maxDepth: 1.5 }],
  ['maxKeys', { maxKeys: -1 }],
  ['maxItems', { maxItems: '9' as unknown as number }],
  ['maxBatch', { maxBatch: Number.NaN }],
  ['maxBatch', { maxBatch: Number.POSITIVE_INFINITY }],
])('refuses a wrong %s at creation, by name', (option, options) => {
  expect(() => jsonBody(options)).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_RPC_OPTION',
      message: expect.stringMatching(`^@mcp-prod/rpc: ${option} .*${Object.values(options)[0]}`),
    }),
  )
})
