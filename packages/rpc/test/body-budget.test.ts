import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import express from 'express'
import { afterEach, expect, it } from 'vitest'
import { jsonBody } from '../src/index.js'

const KIB = 1024
const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
})

/** Bodies of 256 KiB at the most, and of 512 KiB together; an answer waits for `release`. */
async function serve() {
  const waiting: (() => void)[] = []
  const app = express()
  app.post('/', jsonBody({ maxBytes: 256 * KIB, maxTotalBytes: 512 * KIB }), (req, res) => {
    if (req.query.wait) waiting.push(() => res.json({ ok: true }))
    else res.json({ ok: true })
  })
  const server = app.listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const post = (bytes: number, path = '') =>
    fetch(`http://127.0.0.1:${port}/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }).padEnd(bytes, ' '),
    })
  /** All of a body but its last byte, or nothing of it. */
  function hang(bytes: number, announced: number) {
    const socket = connect(port, '127.0.0.1')
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write(
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: ${announced}\r\n\r\n`,
    )
    socket.write(' '.repeat(bytes))
    return socket
  }
  const release = () => {
    for (const answer of waiting.splice(0)) answer()
  }
  return { post, hang, release, waiting }
}

it('refuses large bodies with 503 while others hold all the room, and takes small ones', async () => {
  const { post, hang } = await serve()
  const others = [1, 2, 3].map(() => hang(256 * KIB - 1, 256 * KIB))
  await expect.poll(async () => (await post(200 * KIB)).status).toBe(503)
  const refused = await post(200 * KIB)
  expect(refused.headers.get('retry-after')).toBe('1')
  expect(await refused.json()).toMatchObject({ error: { code: 503 } })
  expect((await post(1 * KIB)).status).toBe(200)
  for (const socket of others) socket.destroy()
  await expect.poll(async () => (await post(200 * KIB)).status).toBe(200)
})

it('holds the room of a body until its answer has gone out', async () => {
  const { post, release, waiting } = await serve()
  const slow = [post(240 * KIB, '?wait=1'), post(240 * KIB, '?wait=1')]
  await expect.poll(() => waiting.length).toBe(2)
  expect((await post(200 * KIB)).status).toBe(503)
  release()
  for (const answer of slow) expect((await answer).status).toBe(200)
  await expect.poll(async () => (await post(200 * KIB)).status).toBe(200)
})

it('keeps no room for what is only announced', async () => {
  const { post, hang } = await serve()
  for (let i = 0; i < 20; i++) hang(1, 256 * KIB)
  expect((await post(240 * KIB)).status).toBe(200)
})

it('has all its room again after many requests', async () => {
  const { post, hang } = await serve()
  for (let round = 0; round < 20; round++) {
    const [sent, cut] = [post(240 * KIB), hang(100 * KIB, 256 * KIB)]
    await (await sent).arrayBuffer()
    cut.destroy()
  }
  await expect
    .poll(async () =>
      (await Promise.all([post(240 * KIB), post(240 * KIB)])).map((one) => one.status),
    )
    .toEqual([200, 200])
})

it.each([
  ['of a call', JSON.stringify({ jsonrpc: '2.0', id: 'x'.repeat(1025), method: 'ping' })],
  ['within a batch', JSON.stringify([{ jsonrpc: '2.0', id: 'x'.repeat(1025), method: 'ping' }])],
])('refuses a long id %s, which its answer would repeat', async (_, body) => {
  const app = express()
  app.post('/', jsonBody(), (_req, res) => {
    res.json({})
  })
  const server = app.listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const headers = { 'Content-Type': 'application/json' }
  const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body })
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ id: null, error: { code: -32600 } })
})
