import express, { type Request, type Response } from 'express'
import { expect, it } from 'vitest'
import { sendRpcError } from '../src/index.js'
import { listen, open } from './support.js'

const error = { code: 403, message: 'Forbidden' }
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

async function serve(handler: (req: Request, res: Response) => unknown) {
  const app = express()
  app.use((req, res) => {
    handler(req, res)
  })
  return listen(app)
}

it('answers JSON-RPC with the HTTP status, and data only where there is some', async () => {
  const { url } = await serve((req, res) => sendRpcError(req, res, 403, error))
  const response = await fetch(url)
  expect(response.status).toBe(403)
  expect(response.headers.get('content-type')).toMatch(/^application\/json/)
  expect(await response.text()).toBe(
    '{"jsonrpc":"2.0","id":null,"error":{"code":403,"message":"Forbidden"}}',
  )
})

it('gives away no other property of the error it is handed', async () => {
  const { url } = await serve((req, res) =>
    sendRpcError(
      req,
      res,
      500,
      Object.assign(new Error('masked'), { code: 500, secret: 'hunter2' }),
    ),
  )
  const text = await (await fetch(url)).text()
  expect(text).toBe('{"jsonrpc":"2.0","id":null,"error":{"code":500,"message":"masked"}}')
})

it('keeps headers set before', async () => {
  const { url } = await serve((req, res) =>
    sendRpcError(req, res.set('Retry-After', '7'), 429, error),
  )
  expect((await fetch(url)).headers.get('retry-after')).toBe('7')
})

it('cuts an answer that has begun instead of writing a second one into it', async () => {
  const { port } = await serve((req, res) => {
    res.write('begun')
    sendRpcError(req, res, 500, error)
  })
  const { socket, received, closed } = open(port)
  socket.write(GET)
  await closed()
  expect(received()).not.toContain('Forbidden')
  expect(received()).not.toMatch(/\r\n0\r\n\r\n$/)
})

it('leaves an answer that has ended, and its connection, alone', async () => {
  const big = 'x'.repeat(1_000_000)
  const { port } = await serve((req, res) => {
    res.send(big)
    sendRpcError(req, res, 500, error)
  })
  const { socket, received, until } = open(port)
  socket.write(GET)
  await until(big)
  socket.write(GET)
  await until(big, 2)
  expect(received().match(/HTTP\/1\.1 200/g)).toHaveLength(2)
  expect(received()).not.toContain('Forbidden')
})
