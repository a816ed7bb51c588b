/** What clients do to the drain with raw sockets: pipelining, vanishing, and bodies that never arrive. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express, { type Express, type Response } from 'express'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { createShutdown, type ShutdownOptions } from '../src/index.js'

/** With time for a busy machine. */
const waitFor = (check: () => unknown) => vi.waitFor(check, 20_000)

const closers: (() => unknown)[] = []
afterAll(() => {
  for (const close of closers.splice(0)) close()
})

async function serve(build: (app: Express) => void, options: ShutdownOptions = {}) {
  const exits: number[] = []
  const lines: [string, string, unknown][] = []
  const write = (level: string) => (message: string, fields?: unknown) =>
    void lines.push([level, message, fields])
  const shutdown = createShutdown({
    logger: {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    },
    graceMs: 0,
    drainTimeoutMs: 4_000,
    deadlineMs: 6_000,
    exit: (code) => exits.push(code),
    ...options,
  })
  const app = express()
  build(app)
  const server = createServer(app)
  shutdown.addServer(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  function send(bytes: string) {
    const socket: Socket = connect(port, '127.0.0.1').setEncoding('latin1')
    socket.on('error', () => {})
    closers.push(() => socket.destroy())
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk
    })
    socket.write(bytes)
    const closed = new Promise<string>((resolve) => socket.once('close', () => resolve(received)))
    return { socket, closed }
  }
  async function stop() {
    const began = performance.now()
    await shutdown.stop('test')
    return performance.now() - began
  }
  const inFlight = (count: number) => waitFor(() => expect(shutdown.inFlight).toBe(count))
  return { exits, lines, send, shutdown, stop, inFlight }
}

function post(path: string, length: number, body: string) {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`
}

/** What the log tells of one request. */
const told = (route: string) => ({ count: 1, requests: [{ route, ageMs: expect.any(Number) }] })

const CLOSED = 'shutdown: incomplete requests closed'
const CUT_OFF = 'shutdown: requests cut off'

describe('pipelined requests', () => {
  it('are all released when their socket dies, though only the first response emits close', async () => {
    const { exits, send, stop, inFlight } = await serve((app) => app.post('/', () => {}))
    const { socket } = send(post('/', 2, '{}').repeat(50))
    await inFlight(50)
    socket.resetAndDestroy()
    await inFlight(0)
    expect(await stop()).toBeLessThan(3_900)
    expect(exits).toEqual([0])
  })

  it('are all released when they die during the drain', async () => {
    const { exits, send, stop, inFlight } = await serve((app) => app.post('/', () => {}))
    const { socket } = send(post('/', 2, '{}').repeat(50))
    await inFlight(50)
    const stopped = stop()
    await sleep(50)
    socket.resetAndDestroy()
    expect(await stopped).toBeLessThan(3_900)
    expect(exits).toEqual([0])
  })

  it('are not counted by track when their socket has died before they reach it', async () => {
    const shutdown = createShutdown()
    const app = express()
    let reached = 0
    app.use(async (req, _res, next) => {
      await new Promise((resolve) => req.socket.once('close', resolve))
      await sleep(5)
      next()
    }, shutdown.track)
    app.use(() => {
      reached++
    })
    const { send } = await serve((outer) => outer.use(app))
    const { socket } = send(post('/', 2, '{}').repeat(3))
    await sleep(50)
    socket.resetAndDestroy()
    await waitFor(() => expect(reached).toBe(3))
    expect(shutdown.inFlight).toBe(0)
  })

  it('add one listener to their socket, however many they are', async () => {
    const warnings: Error[] = []
    const onWarning = (warning: Error) => void warnings.push(warning)
    process.on('warning', onWarning)
    closers.push(() => process.off('warning', onWarning))
    let server: Socket | undefined
    const { send, inFlight } = await serve((app) =>
      app.post('/', (req) => {
        server = req.socket
      }),
    )
    const { socket } = send(post('/', 2, '{}').repeat(6_000))
    await inFlight(6_000)
    expect(server?.listenerCount('close')).toBeLessThan(10)
    socket.resetAndDestroy()
    await inFlight(0)
    expect(warnings.filter(({ name }) => name === 'MaxListenersExceededWarning')).toEqual([])
  })
})

describe.concurrent('a request whose body does not arrive', () => {
  const read = (app: Express) =>
    app.post('/:name', express.text({ type: () => true }), (req, res) => void res.send(req.body))

  it('is closed a second after the grace, with exit code 0', async () => {
    const { exits, lines, send, stop, inFlight } = await serve(read)
    const { closed } = send(post('/silent?key=hunter2', 10, 'x'))
    await inFlight(1)
    const tookMs = await stop()
    expect(tookMs).toBeGreaterThan(950)
    expect(tookMs).toBeLessThan(3_900)
    expect(await closed).toBe('')
    expect(exits).toEqual([0])
    expect(lines).toContainEqual(['info', CLOSED, told('POST /silent')])
    expect(lines.map(([, message]) => message)).not.toContain(CUT_OFF)
  })

  it('is no request cut off either when it came at the very end of the time', async () => {
    const { exits, lines, send, stop, shutdown } = await serve(read, { drainTimeoutMs: 100 })
    const silent = post('/silent', 10, 'x')
    const { socket } = send(silent.slice(0, 10))
    const other = send(post('/first', 10, 'x'))
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    const stopped = stop()
    await sleep(600)
    socket.write(silent.slice(10))
    expect(await stopped).toBeLessThan(3_900)
    expect(await other.closed).toBe('')
    expect(exits).toEqual([0])
    expect(lines.map(([, message]) => message)).not.toContain(CUT_OFF)
  })

  it('does not hold the drain behind a stream on the same connection', async () => {
    const { exits, send, stop, shutdown } = await serve((app) =>
      read(app.get('/', (_req, res) => void res.type('text/event-stream').write('data: 1'))),
    )
    send(`GET / HTTP/1.1\r\nHost: x\r\n\r\n${post('/silent', 10, 'x')}`)
    await waitFor(() => expect(shutdown.inFlight).toBe(1))
    expect(await stop()).toBeLessThan(3_900)
    expect(exits).toEqual([0])
  })

  it('does not hide a call that is cut off', async () => {
    const { exits, lines, send, stop, inFlight } = await serve(
      (app) => read(app.get('/never', () => {})),
      { drainTimeoutMs: 100 },
    )
    send(post('/silent', 10, 'x'))
    send('GET /never HTTP/1.1\r\nHost: x\r\n\r\n')
    await inFlight(2)
    await stop()
    expect(exits).toEqual([1])
    expect(lines).toContainEqual(['error', CUT_OFF, told('GET /never')])
  })

  it('is answered when the rest comes within the second', async () => {
    const { exits, send, stop, inFlight } = await serve(read)
    const { socket, closed } = send(post('/late', 10, '12345'))
    await inFlight(1)
    const stopped = stop()
    await sleep(300)
    socket.write('67890')
    expect(await closed).toMatch(/connection: close[\s\S]*1234567890$/i)
    expect(await stopped).toBeLessThan(3_900)
    expect(exits).toEqual([0])
  })

  it('leaves alone the answer before it on the same connection', async () => {
    let answer: Response | undefined
    const { exits, lines, send, stop, inFlight } = await serve((app) =>
      app.post('/:name', (req, res) => {
        if (req.params.name === 'slow') answer = res
      }),
    )
    const { closed } = send(post('/slow', 2, '{}') + post('/silent', 10, 'x'))
    await inFlight(2)
    const stopped = stop()
    await sleep(1_300)
    expect(exits).toEqual([])
    answer?.send('whole')
    expect(await closed).toMatch(/whole$/)
    expect(await stopped).toBeLessThan(3_900)
    expect(exits).toEqual([0])
    expect(lines).toContainEqual(['info', CLOSED, told('POST /silent')])
  })
})

describe.concurrent('a request that is waited for longer', () => {
  it.each([
    ['whose body is complete', '{}', () => {}],
    ['whose large body nobody has read yet', 'x'.repeat(2_000_000), () => {}],
    ['whose answer has begun', '', (res: Response) => void res.write('begun ')],
  ])('is one %s', async (_which, body, begin) => {
    const { exits, send, stop, inFlight } = await serve((app) =>
      app.post('/', async (req, res) => {
        begin(res)
        await sleep(1_300)
        for await (const _chunk of body ? req : []) await sleep(10)
        res.end('whole')
      }),
    )
    const { socket, closed } = send(post('/', body.length || 10, body.slice(0, 10)))
    await inFlight(1)
    const stopped = stop()
    await sleep(100)
    const rest = body.slice(10)
    socket.write(rest.slice(0, -10))
    // The last bytes come when the app has begun to read: only from then on is it the client who is awaited.
    if (rest) setTimeout(() => socket.write(rest.slice(-10)), 1_400)
    expect(await stopped).toBeGreaterThan(1_250)
    expect(await closed).toContain('whole')
    expect(exits).toEqual([0])
  })
})

describe.concurrent('a request that comes right after the listening socket has closed', () => {
  it.each([
    ['on a connection that was silent until then', '', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['whose headers had begun', 'GET / HTT', 'P/1.1\r\nHost: x\r\n\r\n'],
  ])('is answered before the streams end: %s', async (_which, before, after) => {
    const { exits, send, stop, shutdown } = await serve((app) =>
      app.get('/', (_req, res) => void res.send(String(shutdown.signal.aborted))),
    )
    const { socket, closed } = send(before)
    await new Promise((resolve) => socket.once('connect', resolve))
    await sleep(100)
    const stopped = stop()
    await sleep(300)
    socket.write(after)
    expect(await closed).toMatch(/connection: close[\s\S]*false$/i)
    expect(await stopped).toBeLessThan(3_900)
    expect(exits).toEqual([0])
  })
})
