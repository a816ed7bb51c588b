import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import express from 'express'
import { afterEach, expect, it, vi } from 'vitest'
import { createServer } from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server that answers nothing, and counts what it was asked and what it was told of. */
async function serve() {
  let asked = 0
  let closed = 0
  const app = express()
  app.post('/mcp', (_req, res) => {
    asked++
    res.once('close', () => closed++)
  })
  const server = createServer(app)
  server.listen(0, '127.0.0.1')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, counts: () => ({ asked, closed }) }
}

const post = 'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n'

it('tells every pipelined response that its connection broke, once', async () => {
  const warned = vi.fn()
  process.on('warning', warned)
  closers.push(() => process.off('warning', warned))
  const { port, counts } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.write(post.repeat(50))
  await vi.waitFor(() => expect(counts().asked).toBe(50))
  expect(counts().closed).toBe(0)
  socket.resetAndDestroy()
  await vi.waitFor(() => expect(counts().closed).toBe(50))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(counts()).toEqual({ asked: 50, closed: 50 })
  expect(warned).not.toHaveBeenCalled()
})

it('closes a connection that is owed too many answers', async () => {
  const { port, counts } = await serve()
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.write(post.repeat(20_000))
  await new Promise((resolve) => socket.once('close', resolve))
  await vi.waitFor(() => expect(counts().closed).toBe(counts().asked))
  expect(counts().asked).toBeGreaterThan(50)
  expect(counts().asked).toBeLessThan(5_000)
})
