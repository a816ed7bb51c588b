/** What raw connections carry: bytes, eras, streams, pipelined requests, and clients that go away. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, createServer, request as httpRequest } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { connect as connectTls } from 'node:tls'
import express, { type RequestHandler } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { createMetrics } from '../src/index.js'
import { closeAfter, ok, request, serve } from './serve.js'

const waitFor = (check: () => unknown) => vi.waitFor(check, 10_000)

function post(body: string): string {
  const head = 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
  return `${head}Content-Length: ${body.length}\r\n\r\n${body}`
}
const PING = post(JSON.stringify(request('ping')))

/** A connection of its own that tells what it has received. */
function open(port: number, make: (port: number) => Socket = (to) => connect(to, '127.0.0.1')) {
  const socket = make(port).on('error', () => {})
  closeAfter(() => socket.destroy())
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    received += chunk
  })
  return { socket, received: () => received, closed: once(socket, 'close') }
}

const answers = (received: string) => received.split('HTTP/1.1 200').length - 1

describe('bytes', () => {
  it('are those of the connection, whether its requests come after each other or at once', async () => {
    const { port, amount } = await serve(ok)
    const { socket, received } = open(port)
    socket.write(PING)
    await waitFor(() => expect(answers(received())).toBe(1))
    expect(await amount('mcp_request_bytes_total')).toBe(PING.length)
    expect(await amount('mcp_response_bytes_total')).toBe(received().length)
    socket.write(PING.repeat(20))
    await waitFor(() => expect(answers(received())).toBe(21))
    await waitFor(async () =>
      expect(await amount('mcp_response_bytes_total')).toBe(received().length),
    )
    expect(await amount('mcp_request_bytes_total')).toBe(21 * PING.length)
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await amount('mcp_request_bytes_total')).toBe(21 * PING.length)
    expect(await amount('mcp_response_bytes_total')).toBe(received().length)
  })

  it('of several keep-alive connections add up, with those that are closed', async () => {
    const { port, server, amount } = await serve(ok)
    const agent = new Agent({ keepAlive: true, maxSockets: 3 })
    closeAfter(() => agent.destroy())
    const sockets = new Set<Socket>()
    server.on('connection', (socket) => sockets.add(socket))
    const ask = async (close: boolean) => {
      const headers = { 'content-type': 'application/json', ...(close && { connection: 'close' }) }
      const sent = httpRequest({ port, path: '/mcp', method: 'POST', agent, headers })
      sent.end(JSON.stringify(request('ping')))
      const [response] = await once(sent, 'response')
      await text(response)
    }
    for (let i = 0; i < 10; i++) await Promise.all([ask(false), ask(i === 4), ask(false)])
    expect(sockets.size).toBeGreaterThan(3)
    const sum = (of: 'bytesRead' | 'bytesWritten') =>
      [...sockets].reduce((total, socket) => total + socket[of], 0)
    await waitFor(async () => {
      expect(await amount('mcp_request_bytes_total')).toBe(sum('bytesRead'))
      expect(await amount('mcp_response_bytes_total')).toBe(sum('bytesWritten'))
    })
  })

  it('of a stream count while it is open', async () => {
    const stream: RequestHandler = (_req, res) => {
      res.type('text/event-stream').write('data: 1\n\n'.repeat(1000))
    }
    const { port, amount } = await serve(stream)
    const { socket, received } = open(port)
    socket.write('GET /mcp HTTP/1.1\r\nHost: x\r\n\r\n')
    await waitFor(() => expect(received().length).toBeGreaterThan(9_000))
    expect(await amount('mcp_requests_in_flight')).toBe(1)
    expect(await amount('mcp_response_bytes_total')).toBe(received().length)
  })

  it('of an upload count that its sender broke off', async () => {
    const { port, amount, series } = await serve(ok)
    const { socket } = open(port)
    const part = PING.slice(0, -10)
    socket.write(part)
    await waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(1))
    socket.destroy()
    await waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(0))
    expect(await amount('mcp_request_bytes_total')).toBe(part.length)
    expect(await series('mcp_requests_by_era_total{era="none"}')).toEqual([
      'mcp_requests_by_era_total{era="none"} 1',
    ])
  })

  it('are those inside of TLS', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'metrics-'))
    closeAfter(() => rmSync(folder, { recursive: true }))
    const [key, cert] = [join(folder, 'key'), join(folder, 'cert')]
    const words = `req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout ${key} -out ${cert}`
    execFileSync('openssl', words.split(' '), { stdio: 'ignore' })
    const listenerOf = (app: RequestHandler) =>
      createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, app as never)
    const { port, amount } = await serve(ok, { listenerOf })
    const { socket, received } = open(port, (to) =>
      connectTls({ port: to, host: '127.0.0.1', rejectUnauthorized: false }),
    )
    socket.write(PING)
    await waitFor(() => expect(answers(received())).toBe(1))
    expect(await amount('mcp_request_bytes_total')).toBe(PING.length)
    expect(await amount('mcp_response_bytes_total')).toBe(received().length)
  })
})

describe('pipelined requests', () => {
  it('are all let go of when their connection breaks, though only the first emits close', async () => {
    const { port, amount, counted, series } = await serve(() => {})
    const { socket } = open(port)
    socket.write(PING.repeat(30))
    await waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(30))
    socket.resetAndDestroy()
    await waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(0))
    expect(await counted()).toEqual(['mcp_requests_total{method="ping",status="499"} 30'])
    expect(await series('mcp_request_duration_seconds_count')).toEqual([
      'mcp_request_duration_seconds_count{method="ping"} 30',
    ])
    expect(await amount('mcp_request_bytes_total')).toBe(30 * PING.length)
  })

  it('are let go of at once when their connection has gone before they are counted', async () => {
    const metrics = createMetrics({ runtime: false })
    const app = express()
    let reached = 0
    app.use(async (req, _res, next) => {
      await new Promise((resolve) => req.socket.once('close', resolve))
      await new Promise((resolve) => setTimeout(resolve, 5))
      next()
    }, metrics.middleware)
    app.use(() => {
      reached++
    })
    const { port } = await serve(ok, { listenerOf: () => createServer(app) })
    const { socket } = open(port)
    socket.write(PING.repeat(3))
    await new Promise((resolve) => setTimeout(resolve, 50))
    socket.resetAndDestroy()
    await waitFor(() => expect(reached).toBe(3))
    const text = await metrics.registry.metrics()
    expect(text).toContain('\nmcp_requests_in_flight 0\n')
    expect(text).toContain('\nmcp_requests_total{method="none",status="499"} 3\n')
  })

  it('add one listener to their connection, however many they are', async () => {
    let socket: Socket | undefined
    const { port, amount } = await serve((req) => {
      socket = req.socket
    })
    open(port).socket.write(PING.repeat(300))
    await waitFor(async () => expect(await amount('mcp_requests_in_flight')).toBe(300))
    expect(socket?.listenerCount('close')).toBeLessThan(10)
  })
})

describe('eras', () => {
  it.each([
    [
      'modern',
      request('ping', { _meta: { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' } }),
    ],
    ['legacy', request('initialize')],
    ['legacy', [request('ping'), request('ping')]],
    ['none', '{"broken'],
  ])('count a request as %s', async (era, body) => {
    const { post: send, series } = await serve(ok)
    await send(body)
    const lines = await series('mcp_requests_by_era_total')
    expect(lines).toHaveLength(3)
    expect(lines.filter((line) => !line.endsWith(' 0'))).toEqual([
      `mcp_requests_by_era_total{era="${era}"} 1`,
    ])
  })
})
