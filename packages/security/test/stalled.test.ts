import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { afterEach, expect, it } from 'vitest'
import { createServer } from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function open(path: string, options = {}) {
  let closedAt: number | undefined
  const app = express()
  app.get('/large', (_req, res) => void res.end(Buffer.alloc(30_000_000)))
  app.get('/silent', (_req, res) => {
    res.set('Content-Type', 'text/event-stream').flushHeaders()
    res.once('close', () => {
      closedAt = performance.now()
    })
  })
  app.get('/working', async (_req, res) => {
    await sleep(900)
    res.end('done')
  })
  const server = createServer(app, { sendTimeoutMs: 200, ...options })
  server.listen(0, '127.0.0.1')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const sides = () => new Promise<number>((resolve) => server.getConnections((_, n) => resolve(n)))
  return { socket, sides, closedAt: () => closedAt }
}

it('closes on a client that takes nothing of its answer', async () => {
  const { socket, sides } = await open('/large')
  socket.pause()
  await expect.poll(sides, { timeout: 5000 }).toBe(1)
  await expect.poll(sides, { timeout: 5000 }).toBe(0)
})

it('stays with one that takes it slowly', async () => {
  const { socket } = await open('/large')
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
    socket.pause()
    setTimeout(() => socket.resume(), 1)
  })
  await expect.poll(() => bytes, { timeout: 20_000 }).toBeGreaterThan(30_000_000)
})

it('leaves a silent stream, and a handler at work, alone', async () => {
  const silent = await open('/silent')
  const working = await open('/working')
  await once(silent.socket, 'data')
  const [answer] = await once(working.socket, 'data')
  expect(String(answer)).toContain('done')
  await sleep(300)
  expect(silent.closedAt()).toBeUndefined()
})

it('still closes an idle connection at its keep-alive time', async () => {
  const { socket, sides } = await open('/working', { keepAliveTimeoutMs: 200 })
  await once(socket, 'data')
  await expect.poll(sides, { timeout: 5000 }).toBe(0)
})
