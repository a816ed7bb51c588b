import { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import express, { type Express, Router } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { type CreateServerOptions, createServer } from '../src/index.js'
import { atEnd, listen, optionError, received, request, sendRaw, serve, statusOf } from './serve.js'

const file = fileURLToPath(new URL('../package.json', import.meta.url))

/** A bit of everything whose answer depends on the prototypes of req and res. */
function everything(app: Express) {
  app.set('trust proxy', 1)
  app.use((req, res, next) => {
    const own = req.app === app && res.app === app && req.res === res && res.req === req
    const types = req instanceof IncomingMessage && res instanceof ServerResponse
    res.set('X-Seen', `${own} ${types} ${req.ip} ${req.hostname} ${req.protocol} ${req.path}`)
    next()
  })
  app.get('/json', (req, res) => void res.status(201).json({ query: req.query, xhr: req.xhr }))
  app.get('/send', (_req, res) => void res.type('txt').send('text'))
  app.get('/file', (_req, res) => res.sendFile(file))
  app.get('/redirect', (_req, res) => res.redirect('/json'))
  app.get('/cookie', (_req, res) => void res.cookie('a', 'b', { httpOnly: true }).links({}).end())
  app.get('/stream', (_req, res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' }).write('one ')
    setImmediate(() => res.end('two'))
  })
  app.get('/throws', () => {
    throw new Error('sync')
  })
  app.get('/rejects', () => Promise.reject(new Error('async')))
  app.post('/body', express.json(), (req, res) => void res.json(req.body))

  const router = Router({ mergeParams: true })
  router.get('/in', (req, res) => void res.json([req.params, req.baseUrl, req.originalUrl]))
  app.use('/router/:id', router)

  const sub = express().set('name', 'sub')
  sub.get(
    '/in',
    (req, res) => void res.json([req.app === sub, res.app === sub, req.app.get('name')]),
  )
  app.use('/sub', sub, (req, res) => void res.status(404).json([req.app === app, res.app === app]))
}

async function answers(own: boolean) {
  const { port } = await serve(everything, { own })
  const ask = async (lines: string[], requestLine: string) =>
    (
      await request(
        port,
        ['Host: localhost:8080', 'X-Forwarded-For: 203.0.113.9', ...lines],
        requestLine,
      )
    ).replace(/^Date: .*$/m, '')
  return {
    ...Object.fromEntries(
      await Promise.all(
        [
          '/json?a=1&b[]=2',
          '/send',
          '/file',
          '/redirect',
          '/cookie',
          '/stream',
          '/throws',
          '/rejects',
        ]
          .concat('/router/7/in', '/sub/in', '/sub/missing', '/missing')
          .flatMap((path) => [`GET ${path} HTTP/1.1`, `HEAD ${path} HTTP/1.1`])
          .map(async (line) => [line, await ask([], line)]),
      ),
    ),
    partial: await ask(['Range: bytes=2-5'], 'GET /file HTTP/1.1'),
    old: await ask([], 'GET /json HTTP/1.0'),
    body: await sendRaw(
      port,
      'POST /body HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{"a":1}',
    ).then((text) => text.replace(/^Date: .*$/m, '')),
  }
}

describe('createServer: the app on it', () => {
  it('answers byte for byte as Express does alone', async () => {
    const [own, alone] = [await answers(true), await answers(false)]
    expect(own).toEqual(alone)
    expect(own['GET /json?a=1&b[]=2 HTTP/1.1']).toContain(
      'X-Seen: true true 203.0.113.9 localhost http /json',
    )
    expect(own['GET /sub/in HTTP/1.1']).toContain('[true,true,"sub"]')
    expect(own['GET /sub/missing HTTP/1.1']).toContain('[true,true]')
    expect(own.body).toContain('{"a":1}')
  })

  it('finds requests and responses with their prototypes already set', async () => {
    const setPrototypeOf = vi.spyOn(Object, 'setPrototypeOf')
    atEnd(() => setPrototypeOf.mockRestore())
    const { url } = await serve((app) => {
      app.get('/', (_req, res) => void res.json({}))
    })
    const created: boolean[] = []
    setPrototypeOf.mockImplementation((object, prototype) => {
      if (object instanceof IncomingMessage || object instanceof ServerResponse) {
        created.push(Object.getPrototypeOf(object) === prototype)
      }
      return Reflect.setPrototypeOf(object, prototype) && object
    })
    await fetch(url)
    expect(created).toEqual([true, true])
  })

  it('serves one app on two servers', async () => {
    const { app, port } = await serve((app) => {
      app.get('/', (req, res) => void res.json([req.app === app, req.socket.localPort]))
    })
    const other = await listen(createServer(app))
    for (const at of [port, other, port]) {
      const answer = await fetch(`http://127.0.0.1:${at}`)
      expect(await answer.json()).toEqual([true, at])
    }
  })

  it('keeps what was added to app.request and app.response, before and after, also in mounted apps', async () => {
    type Extended = Record<'before' | 'after', () => string>
    const app = express()
    const sub = express()
    Object.assign(app.request, { before: () => 'request before' })
    app.use('/sub', sub)
    for (const each of [app, sub]) {
      each.get('/', (req, res) => {
        const [r, s] = [req as unknown as Extended, res as unknown as Extended]
        res.json([r.before(), r.after(), s.after()])
      })
    }
    const port = await listen(createServer(app))
    Object.assign(app.request, { after: () => 'request after' })
    Object.assign(app.response, { after: () => 'response after' })
    for (const path of ['', '/sub']) {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`)
      expect(await answer.json()).toEqual(['request before', 'request after', 'response after'])
    }
  })

  it('can mount an app that has a server of its own', async () => {
    const sub = express().set('name', 'sub')
    sub.get('/', (req, res) => void res.json([req.app === sub, res.app === sub, req.ip]))
    const alone = await listen(createServer(sub))
    const parent = express().use('/sub', sub)
    const mounted = await listen(createServer(parent))
    for (const url of [`http://127.0.0.1:${alone}/`, `http://127.0.0.1:${mounted}/sub`]) {
      expect(await (await fetch(url)).json()).toEqual([true, true, '127.0.0.1'])
    }
  })
})

describe('createServer: Expect: 100-continue', () => {
  const head =
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 7\r\nExpect: 100-continue\r\n'

  it('does not invite the body of a request that is refused before it is read', async () => {
    const { port, server } = await serve((app) => {
      app.post('/', (_req, res) => void res.status(401).json('no token'))
    })
    const requests = vi.fn()
    server.on('request', requests)
    const answer = await sendRaw(port, `${head}\r\n`)
    expect(statusOf(answer)).toBe(401)
    expect(answer).not.toContain('100 Continue')
    // The body may or may not follow: RFC 9110 has the connection closed then.
    expect(answer).toMatch(/^connection: close\r$/im)
    // What counts requests in flight listens to this event.
    expect(requests).toHaveBeenCalledOnce()
  })

  it('invites it, once, when something reads it', async () => {
    const { port } = await serve((app) => {
      app.post('/', express.json(), (req, res) => void res.json(req.body))
    })
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.write(`${head}Connection: close\r\n\r\n`)
    for await (const chunk of socket) {
      text += chunk
      if (text === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write('{"a":1}')
    }
    expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*\{"a":1\}$/)
  })

  it('takes a body that did not wait for the invitation', async () => {
    const { port } = await serve((app) => {
      app.post('/', express.json(), (req, res) => void res.json(req.body))
    })
    expect(await sendRaw(port, `${head}Connection: close\r\n\r\n{"a":1}`)).toContain('{"a":1}')
  })

  it('answers an unknown expectation with 417', async () => {
    const { port } = await serve(() => {})
    expect(statusOf(await request(port, ['Host: a', 'Expect: the-unexpected']))).toBe(417)
  })
})

describe('createServer: options', () => {
  it('has the documented defaults', async () => {
    const { server } = await serve(() => {})
    expect(server).toMatchObject({
      headersTimeout: 10_000,
      requestTimeout: 30_000,
      keepAliveTimeout: 65_000,
      timeout: 60_000,
      maxConnections: 10_000,
    })
  })

  it('keeps a connection between requests for its own time, whatever the headers timeout', async () => {
    const { port } = await serve((app) => app.get('/', (_req, res) => void res.json(1)), {
      keepAliveTimeoutMs: 500,
      headersTimeoutMs: 100,
    })
    const socket = connect(port, '127.0.0.1')
    const answers = received(socket)
    const started = performance.now()
    const ask = () => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    ask()
    setTimeout(ask, 300)
    expect((await answers).match(/HTTP\/1\.1 200/g)).toHaveLength(2)
    const tookMs = performance.now() - started
    expect(tookMs).toBeGreaterThan(750)
    expect(tookMs).toBeLessThan(3000)
  })

  it.each<[string, CreateServerOptions]>([
    ['headersTimeoutMs', { headersTimeoutMs: 0 }],
    ['headersTimeoutMs', { headersTimeoutMs: 2 ** 31 }],
    ['headersTimeoutMs must not exceed', { headersTimeoutMs: 31_000 }],
    ['requestTimeoutMs', { requestTimeoutMs: 0 }],
    ['requestTimeoutMs', { requestTimeoutMs: Number.POSITIVE_INFINITY }],
    ['keepAliveTimeoutMs', { keepAliveTimeoutMs: -1 }],
    ['keepAliveTimeoutMs', { keepAliveTimeoutMs: '65s' as unknown as number }],
    ['maxConnections', { maxConnections: 0 }],
    ['maxHeaderBytes', { maxHeaderBytes: 1.5 }],
    ['tls', { tls: { key: '', cert: '' } }],
    ['tls', { tls: null as unknown as { key: string; cert: string } }],
    ['tls.cert', { tls: { key: 'no key', cert: 'no certificate' } }],
  ])('refuses wrong %s', (option, options) => {
    expect(() => createServer(express(), options)).toThrow(optionError(option))
  })

  it('refuses what is no Express app', () => {
    expect(() => createServer((() => {}) as unknown as Express)).toThrow(optionError('app'))
  })
})
