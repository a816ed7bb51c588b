import { once } from 'node:events'
import { Agent, createServer, get as httpGet, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import { constants } from 'node:os'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import express, { type Express, type Response } from 'express'
import { afterAll, describe, expect, it, vi } from 'vitest'
import {
  createShutdown,
  isEventStreamOfGet,
  type Logger,
  type Shutdown,
  type ShutdownOptions,
} from '../src/index.js'

/** With time for a busy machine. */
const waitFor = (check: () => unknown) => vi.waitFor(check, 10_000)

const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers.splice(0)) await close()
})

function recorder() {
  const lines: { level: string; message: string; fields: Record<string, unknown> | undefined }[] =
    []
  const write = (level: string) => (message: string, fields?: Record<string, unknown>) => {
    lines.push({ level, message, fields })
  }
  const logger: Logger = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  }
  const find = (message: string) => lines.find((line) => line.message === `shutdown: ${message}`)
  return { lines, logger, find }
}

async function listen(server: Server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A server whose shutdown ends in a list of exit codes instead of the end of this process. */
async function serve(build: (app: Express) => void, options: ShutdownOptions = {}) {
  const log = recorder()
  const exits: number[] = []
  const shutdown = createShutdown({
    logger: log.logger,
    graceMs: 0,
    drainTimeoutMs: 2_000,
    deadlineMs: 5_000,
    exit: (code) => exits.push(code),
    ...options,
  })
  const app = express()
  build(app)
  const server = createServer(app)
  shutdown.addServer(server)
  const port = await listen(server)
  const get = async (path: string, agent?: Agent) => {
    const [res] = (await once(httpGet({ port, path, agent }), 'response')) as [IncomingMessage]
    return res
  }
  return { ...log, app, exits, get, port, server, shutdown }
}

/** Sends bytes on a socket of its own and collects what comes back until it closes. */
function raw(port: number, bytes: string) {
  const socket: Socket = connect(port, '127.0.0.1').setEncoding('latin1')
  closers.push(() => socket.destroy())
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.write(bytes)
  return {
    socket,
    closed: once(socket, 'close').then(() => received),
    received: () => received,
    until: (part: string) => waitFor(() => expect(received).toContain(part)),
  }
}

async function timed<T>(work: Promise<T>): Promise<number> {
  const started = performance.now()
  await work
  return performance.now() - started
}

describe.concurrent('requests in flight', () => {
  it('are answered with Connection: close, also when the handler began before the drain', async () => {
    let answer: Response | undefined
    const { get, shutdown, exits } = await serve((app) => {
      app.get('/', (_req, res) => {
        answer = res
      })
    })
    const agent = new Agent({ keepAlive: true })
    const pending = get('/', agent)
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    expect(shutdown.draining).toBe(false)
    const stopped = shutdown.stop('test')
    expect(shutdown.draining).toBe(true)
    await sleep(50)
    expect(exits).toEqual([])
    answer?.send('whole')
    const res = await pending
    expect(res.headers.connection).toBe('close')
    expect(await text(res)).toBe('whole')
    await stopped
    expect(exits).toEqual([0])
    expect(shutdown.inFlight).toBe(0)
  })

  it('keep their connection outside the drain', async () => {
    const { get } = await serve((app) => app.get('/', (_req, res) => void res.send('ok')))
    expect((await get('/', new Agent({ keepAlive: true }))).headers.connection).toBe('keep-alive')
  })

  it('end their connection when headers went out before the drain, and when a handler insists on keep-alive', async () => {
    const open: Response[] = []
    const { port, shutdown, exits } = await serve((app) => {
      app.get('/begun', (_req, res) => {
        res.write('begun ')
        open.push(res)
      })
      app.get('/insists', (_req, res) => void open.push(res))
    })
    const begun = raw(port, 'GET /begun HTTP/1.1\r\nHost: x\r\n\r\n')
    await begun.until('begun')
    const insists = raw(port, 'GET /insists HTTP/1.1\r\nHost: x\r\n\r\n')
    await waitFor(() => expect(open).toHaveLength(2))
    const stopped = shutdown.stop('test')
    await sleep(30)
    open[0]?.end('ended')
    open[1]?.writeHead(200, { Connection: 'keep-alive' }).end('kept')
    expect(await timed(Promise.all([begun.closed, insists.closed, stopped]))).toBeLessThan(1_900)
    expect(begun.received()).toContain('ended')
    expect(insists.received()).toContain('kept')
    expect(exits).toEqual([0])
  })

  it('are answered each in turn when pipelined, the last one with Connection: close', async () => {
    const open: Response[] = []
    const { port, shutdown } = await serve((app) =>
      app.get('/:n', (_req, res) => void open.push(res)),
    )
    const request = (n: number) => `GET /${n} HTTP/1.1\r\nHost: x\r\n\r\n`
    const { socket, closed } = raw(port, request(1) + request(2))
    await waitFor(() => expect(open).toHaveLength(2))
    const stopped = shutdown.stop('test')
    socket.write(request(3))
    await waitFor(() => expect(open).toHaveLength(3))
    open.forEach((res, i) => void res.send(`answer ${i + 1}`))
    const received = await closed
    expect(received.match(/answer \d/g)).toEqual(['answer 1', 'answer 2', 'answer 3'])
    expect(received.match(/connection: close/gi)).toHaveLength(1)
    await stopped
  })

  it('are sent whole to a slow reader: node:http would cut them off in close()', async () => {
    const big = Buffer.alloc(20_000_000, 'x')
    const { get, shutdown, exits } = await serve((app) =>
      app.get('/', (_req, res) => void res.end(big)),
    )
    const idle = new Agent({ keepAlive: true })
    const res = await get('/', idle)
    await once(res, 'readable')
    const stopped = shutdown.stop('test')
    await sleep(100)
    let bytes = 0
    for await (const chunk of res) bytes += chunk.length
    expect(bytes).toBe(big.length)
    await stopped
    expect(exits).toEqual([0])
  })

  it('are served on a connection that stays open after the listening socket has closed', async () => {
    const { port, shutdown, server } = await serve((app) => {
      app.get('/', (_req, res) => void res.send('served'))
      app.get('/slow', (_req, res) => void setTimeout(() => res.send('slow'), 150))
    })
    const half = raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n')
    const slow = raw(port, 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n')
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    const stopped = shutdown.stop('test')
    await waitFor(() => expect(server.listening).toBe(false))
    half.socket.write('\r\n')
    expect(await half.closed).toMatch(/connection: close[\s\S]*served/i)
    expect(await slow.closed).toMatch(/slow$/)
    await stopped
  })

  it('hear the signal when their time is over and can still answer', async () => {
    const { get, shutdown, exits, find } = await serve(
      (app) =>
        app.get('/', (_req, res) =>
          shutdown.signal.addEventListener('abort', () => res.send('stopped')),
        ),
      { drainTimeoutMs: 50 },
    )
    const pending = get('/')
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    await shutdown.stop('test')
    expect(await text(await pending)).toBe('stopped')
    expect(exits).toEqual([0])
    expect(find('requests cut off')).toBeUndefined()
  })

  it('are cut off after that, which makes the exit code 1 and is logged without the query', async () => {
    const { get, shutdown, exits, find } = await serve((app) => app.get('/never', () => {}), {
      drainTimeoutMs: 0,
    })
    const pending = get('/never?key=hunter2')
    pending.catch(() => {})
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    await shutdown.stop('test')
    await expect(pending).rejects.toThrow('socket hang up')
    expect(exits).toEqual([1])
    expect(find('requests cut off')?.fields).toEqual({
      count: 1,
      requests: [{ route: 'GET /never', ageMs: expect.any(Number) }],
    })
  })

  it('are no longer counted when the client has gone', async () => {
    const { port, shutdown } = await serve((app) => app.get('/', () => {}))
    const { socket } = raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    socket.destroy()
    await waitFor(() => expect(shutdown.inFlight).toBe(0))
  })
})

describe('track', () => {
  it('counts requests of a server that was not added, once, and not those that are over already', async () => {
    const shutdown = createShutdown()
    const app = express()
    let reached = 0
    app.get('/late', async (_req, res, next) => {
      await once(res, 'close')
      await sleep(5)
      next()
    })
    app.use(shutdown.track, shutdown.track)
    app.use(() => {
      reached++
    })
    const port = await listen(createServer(app))
    expect(shutdown.track.name).toBe('shutdownMiddleware')
    const { socket } = raw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    socket.destroy()
    const late = raw(port, 'GET /late HTTP/1.1\r\nHost: x\r\n\r\n')
    await sleep(20)
    late.socket.destroy()
    await waitFor(() => expect(reached).toBe(2))
    expect(shutdown.inFlight).toBe(0)
  })
})

describe.concurrent('connections', () => {
  it('that are idle do not hold the end', async () => {
    const { get, shutdown, exits, find } = await serve((app) =>
      app.get('/', (_req, res) => void res.send('ok')),
    )
    const agent = new Agent({ keepAlive: true })
    const res = await get('/', agent)
    await text(res)
    await shutdown.stop('test')
    expect(find('open connections closed')).toBeUndefined()
    expect(exits).toEqual([0])
  })

  it('that never sent a request, were upgraded, belong to a net server or hang in a TLS handshake are closed in the end', async () => {
    const { port, server, shutdown, exits, find } = await serve(() => {})
    server.on('upgrade', (_req, socket) => socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'))
    const netServer = createNetServer((socket) => socket.write('hello'))
    shutdown.addServer(netServer)
    netServer.listen(0, '127.0.0.1')
    await once(netServer, 'listening')
    const tlsServer = createTlsServer()
    shutdown.addServer(tlsServer)
    const handshake = raw(await listen(tlsServer), '\x16\x03\x01')
    const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    const sockets = [
      raw(port, ''),
      raw(port, upgrade),
      raw((netServer.address() as AddressInfo).port, ''),
      handshake,
    ] as const
    await sockets[1].until('101')
    await sockets[2].until('hello')
    await shutdown.stop('test')
    await Promise.all(sockets.map(({ closed }) => closed))
    // Node 26 counts the one that never sent anything as idle.
    expect(find('open connections closed')?.fields).toEqual({
      connections: expect.toBeOneOf([3, 4]),
    })
    expect(netServer.listening).toBe(false)
    expect(exits).toEqual([0])
  })
})

describe.concurrent('streams', () => {
  const events = (app: Express) =>
    app.all('/events', (_req, res) => {
      res.set('Content-Type', 'text/event-stream').write('data: 1\n\n')
    })

  it('of a GET do not hold the drain; an onDrained hook ends them properly', async () => {
    const streams: Response[] = []
    const { port, shutdown, exits } = await serve((app) =>
      app.get('/events', (_req, res) => {
        res.type('text/event-stream').write('data: 1\n\n')
        streams.push(res)
      }),
    )
    const { until, closed } = raw(port, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('data: 1')
    expect(shutdown.inFlight).toBe(0)
    shutdown.onDrained('streams', () => streams.map((stream) => stream.end('data: bye\n\n')))
    expect(await timed(shutdown.stop('test'))).toBeLessThan(1_900)
    expect(await closed).toMatch(/data: bye\n\n\r\n0\r\n\r\n$/)
    expect(exits).toEqual([0])
  })

  it('that nobody ends are cut off after a second, with exit code 0', async () => {
    const { port, shutdown, exits, find } = await serve(events)
    const { until, closed } = raw(port, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n')
    await until('data: 1')
    await shutdown.stop('test')
    await closed
    expect(find('open connections closed')?.fields).toEqual({ connections: 1 })
    expect(exits).toEqual([0])
  })

  it('that answer a POST are waited for, unless isStream knows better', async () => {
    const { port, shutdown } = await serve(events, {
      isStream: (req, res) => isEventStreamOfGet(req, res) || req.headers['x-stream'] === 'yes',
    })
    const { until } = raw(port, 'POST /events HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n')
    const head = 'POST /events HTTP/1.1\r\nHost: x\r\nX-Stream: yes\r\nContent-Length: 0\r\n\r\n'
    await Promise.all([until('data: 1'), raw(port, head).until('data: 1')])
    expect(shutdown.inFlight).toBe(1)
  })

  it('are requests like others while isStream throws', async () => {
    const { port, shutdown } = await serve(events, {
      isStream: () => {
        throw new Error('isStream')
      },
    })
    await raw(port, 'GET /events HTTP/1.1\r\nHost: x\r\n\r\n').until('data: 1')
    expect(shutdown.inFlight).toBe(1)
  })
})

describe('last servers', () => {
  it('keep answering until the others have drained and their streams have ended, before onClose hooks', async () => {
    let answer: Response | undefined
    const { get, shutdown } = await serve((app) => {
      app.get('/', (_req, res) => {
        answer = res
      })
    })
    const admin = createServer(async (req, res) => {
      if (req.url === '/slow') {
        admin.emit('scraped')
        await sleep(200)
      }
      res.end(String(shutdown.draining))
    })
    const adminPort = await listen(admin)
    shutdown.addServer(admin, { last: true })
    const probe = async () => (await fetch(`http://127.0.0.1:${adminPort}/ready`)).text()
    const seen: string[] = []
    let scrape: Promise<globalThis.Response> | undefined
    shutdown.onDrained('scrape', () => {
      scrape = fetch(`http://127.0.0.1:${adminPort}/slow`)
      return once(admin, 'scraped')
    })
    shutdown.onDrained('probe', async () => void seen.push(await probe()))
    shutdown.onClose('probe', async () => void seen.push(await probe().catch(() => 'closed')))
    const pending = get('/')
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    expect(await probe()).toBe('false')
    const stopped = shutdown.stop('test')
    await sleep(50)
    expect(await probe()).toBe('true')
    answer?.send('ok')
    await pending
    await stopped
    expect(seen).toEqual(['true', 'closed'])
    const scraped = await scrape
    expect(scraped?.headers.get('connection')).toBe('close')
    expect(await scraped?.text()).toBe('true')
  })
})

describe('hooks', () => {
  function create(options: ShutdownOptions = {}) {
    const log = recorder()
    const exits: number[] = []
    const shutdown = createShutdown({
      logger: log.logger,
      exit: (code) => exits.push(code),
      ...options,
    })
    return { ...log, exits, shutdown }
  }

  it('run one after the other, the last registered first, those of onDrained before those of onClose', async () => {
    const { shutdown, exits } = create()
    const seen: string[] = []
    const slow = (name: string) => async () => {
      seen.push(`${name} begins`)
      await sleep(5)
      seen.push(`${name} ends`)
    }
    shutdown.onClose('database', slow('database'))
    shutdown.onClose('cache', slow('cache'))
    shutdown.onDrained('handler', slow('handler'))
    expect(shutdown.signal.aborted).toBe(false)
    await shutdown.stop('test')
    expect(shutdown.signal.aborted).toBe(true)
    expect(seen).toEqual(
      ['handler', 'cache', 'database'].flatMap((name) => [`${name} begins`, `${name} ends`]),
    )
    expect(exits).toEqual([0])
  })

  it('that throw, reject or hang are logged by name, do not stop the others and make the exit code 1', async () => {
    const { shutdown, exits, lines } = create()
    const first = vi.fn()
    let signal: AbortSignal | undefined
    shutdown.onClose('first', first)
    shutdown.onClose('throws', () => {
      throw new Error('sync')
    })
    shutdown.onClose('rejects', () => Promise.reject({ toString: null }))
    const hang = (given: AbortSignal) => {
      signal = given
      return new Promise((_, reject) =>
        given.addEventListener('abort', () => reject(new Error('late'))),
      )
    }
    shutdown.onClose('hangs', hang, { timeoutMs: 20 })
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    closers.push(() => process.off('unhandledRejection', unhandled))
    await shutdown.stop('test')
    await sleep(5)
    expect(first).toHaveBeenCalledTimes(1)
    expect(signal?.aborted).toBe(true)
    expect(unhandled).not.toHaveBeenCalled()
    expect(lines.filter(({ level }) => level === 'error').map(({ fields }) => fields)).toEqual([
      { hook: 'hangs', error: expect.stringContaining('longer than 20 ms') },
      { hook: 'rejects', error: 'an error that cannot be shown' },
      { hook: 'throws', error: expect.stringMatching(/^Error: sync\n +at /) },
    ])
    expect(exits).toEqual([1])
  })

  it('that an onClose hook or a late start-up adds still run', async () => {
    const { shutdown } = create()
    const late = vi.fn()
    shutdown.onClose('early', () => shutdown.onClose('late', late))
    await shutdown.stop('test')
    expect(late).toHaveBeenCalledTimes(1)
  })

  it('may call stop() themselves', async () => {
    const { shutdown, exits } = create()
    shutdown.onClose('again', () => void shutdown.stop('again', 7))
    await shutdown.stop('test')
    expect(exits).toEqual([7])
  })
})

describe('stop', () => {
  it('called several times runs once, and the highest exit code wins', async () => {
    const { shutdown, exits, lines } = await serve(() => {})
    await Promise.all([
      shutdown.stop('first'),
      shutdown.stop('second', 3),
      shutdown.stop('third', 2),
    ])
    await shutdown.stop('late', 9)
    expect(exits).toEqual([3])
    expect(
      lines.filter(({ message }) => message === 'shutdown: draining').map(({ fields }) => fields),
    ).toEqual([{ reason: 'first', inFlight: 0 }])
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('logger'))],
    [
      'throws',
      () => {
        throw new Error('logger')
      },
    ],
  ])('ends also when the logger %s, and with no logger at all', async (_how, write) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    closers.push(() => process.off('unhandledRejection', unhandled))
    for (const logger of [{ debug: write, info: write, warn: write, error: write }, undefined]) {
      const exits: number[] = []
      await createShutdown({ logger, exit: (code) => exits.push(code) }).stop('test')
      expect(exits).toEqual([0])
    }
    expect(unhandled).not.toHaveBeenCalled()
  })

  it.each([[-1], [256], [1.5], [Number.NaN], ['2' as unknown as number]])(
    'turns the exit code %s into 1',
    async (code) => {
      const exits: number[] = []
      await createShutdown({ exit: (given) => exits.push(given) }).stop('test', code)
      expect(exits).toEqual([1])
    },
  )
})

describe('listen', () => {
  it('installs its handlers once and takes them away at the end', async () => {
    const before = process.listenerCount('SIGUSR2')
    const shutdown = createShutdown({ signals: ['SIGUSR2'], exit: () => {} })
    shutdown.listen()
    shutdown.listen()
    expect(process.listenerCount('SIGUSR2')).toBe(before + 1)
    await shutdown.stop('test')
    expect(process.listenerCount('SIGUSR2')).toBe(before)
  })
})

describe('two signals', () => {
  it.each([
    ['SIGUSR2', 'SIGUSR2'],
    ['SIGUSR2', 'SIGWINCH'],
  ] as const)(
    '%s and %s within milliseconds are one; later the second exits at once',
    async (first, second) => {
      vi.useFakeTimers({ toFake: ['performance'] })
      closers.push(() => vi.useRealTimers())
      const exits: number[] = []
      const shutdown = createShutdown({
        signals: [...new Set([first, second])],
        exit: (code) => exits.push(code),
      })
      shutdown.onClose('slow', () => sleep(200))
      shutdown.listen()
      process.emit(first, first)
      vi.advanceTimersByTime(300)
      process.emit(second, second)
      expect(shutdown.draining).toBe(true)
      expect(exits).toEqual([])
      vi.advanceTimersByTime(1)
      process.emit(second, second)
      expect(exits).toEqual([128 + constants.signals[second]])
      await shutdown.stop('test')
    },
  )
})

describe('the time of a drain', () => {
  it.each<[string, (shutdown: Shutdown) => unknown]>([
    ['stop', (shutdown) => shutdown.stop('test')],
    ['a signal', () => process.emit('SIGUSR2', 'SIGUSR2')],
  ])('is 0 before, and counts from %s, the grace included and once', async (_which, begin) => {
    vi.useFakeTimers({ toFake: ['performance'] })
    closers.push(() => vi.useRealTimers())
    const shutdown = createShutdown({ signals: ['SIGUSR2'], deadlineMs: 25_000, exit: () => {} })
    shutdown.onClose('slow', () => sleep(100))
    shutdown.listen()
    vi.advanceTimersByTime(1_000)
    expect(shutdown.drainingForMs).toBe(0)
    begin(shutdown)
    expect(shutdown.drainingForMs).toBe(0)
    vi.advanceTimersByTime(400)
    const again = shutdown.stop('again')
    vi.advanceTimersByTime(200)
    expect(shutdown.drainingForMs).toBe(600)
    expect(shutdown.deadlineMs).toBe(25_000)
    await again
    expect(shutdown.drainingForMs).toBe(600)
  })
})

describe('options', () => {
  const hook = () => {}
  it.each([
    ['graceMs', () => createShutdown({ graceMs: -1 })],
    ['drainTimeoutMs', () => createShutdown({ drainTimeoutMs: Number.NaN })],
    ['deadlineMs', () => createShutdown({ deadlineMs: 23_999 })],
    ['deadlineMs', () => createShutdown({ deadlineMs: 2 ** 31 })],
    ['deadlineMs', () => createShutdown({ deadlineMs: Number.POSITIVE_INFINITY })],
    ['deadlineMs', () => createShutdown({ deadlineMs: '30s' as unknown as number })],
    ['signals', () => createShutdown({ signals: ['SIGKILL'] })],
    ['signals', () => createShutdown({ signals: ['SIGTREM' as NodeJS.Signals] })],
    ['signals', () => createShutdown({ signals: 'SIGTERM' as unknown as NodeJS.Signals[] })],
    ['isStream', () => createShutdown({ isStream: true as unknown as () => boolean })],
    [
      'describe',
      () => createShutdown({ describe: {} as unknown as () => Record<string, unknown> }),
    ],
    ['exit', () => createShutdown({ exit: 0 as unknown as () => void })],
    ['onClose hook "db"', () => createShutdown().onClose('db', undefined as unknown as () => void)],
    [
      'timeoutMs of onClose hook "db"',
      () => createShutdown().onClose('db', hook, { timeoutMs: 0 }),
    ],
    [
      'timeoutMs of onDrained hook "h"',
      () => createShutdown().onDrained('h', hook, { timeoutMs: 2 ** 31 }),
    ],
    ['name of an onClose hook', () => createShutdown().onClose('', hook)],
  ])('refuses a wrong %s, by name', (option, create) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_SHUTDOWN_OPTION',
        message: expect.stringContaining(option),
      }),
    )
  })
})
