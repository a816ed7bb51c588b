import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import type { McpHttpHandler } from '@modelcontextprotocol/server'
import express from 'express'
import { afterEach, expect, it, vi } from 'vitest'
import { exchange } from '../src/exchange.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server that answers by `fetch`, and tells of errors as `recover` would. */
async function serve(fetchFace: McpHttpHandler['fetch'], auth?: object) {
  const onError = vi.fn()
  const app = express()
  app.post('/mcp', express.json(), async (req, res) => {
    Object.assign(req, { auth })
    await exchange({ fetch: fetchFace } as McpHttpHandler, req, res)
  })
  app.use(((error, _req, res, _next) => {
    onError(error)
    if (res.headersSent) res.destroy()
    else res.status(500).end()
  }) as express.ErrorRequestHandler)
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const send = (body: unknown, headers = {}) =>
    fetch(`http://127.0.0.1:${port}/mcp?x=1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  return { port, send, onError }
}

it('hands on method, URL, headers, body and who calls', async () => {
  const seen: unknown[] = []
  const auth = { token: '[redacted]', clientId: 'a', scopes: [] }
  const { port, send } = await serve(async (request, options) => {
    seen.push(request.method, request.url, request.headers.get('X-Odd'), options)
    return Response.json({ ok: true }, { status: 202, headers: { 'x-answer': 'yes' } })
  }, auth)
  const response = await send({ a: 1 }, { 'x-odd': 'one' })
  expect(response.status).toBe(202)
  expect(response.headers.get('x-answer')).toBe('yes')
  expect(response.headers.get('content-length')).toBe('11')
  expect(await response.json()).toEqual({ ok: true })
  const url = `http://127.0.0.1:${port}/mcp?x=1`
  expect(seen).toEqual(['POST', url, 'one', { parsedBody: { a: 1 }, authInfo: auth }])
})

it('gives the body to a handler that reads it after all', async () => {
  const { send } = await serve(async (request) =>
    Response.json([await request.clone().text(), await request.json(), await request.text()]),
  )
  expect(await (await send({ a: 1 })).json()).toEqual(['{"a":1}', { a: 1 }, '{"a":1}'])
})

it('leaves it to the server whether the connection stays open', async () => {
  const { send } = await serve(async () => {
    const headers = { 'content-type': 'text/event-stream', connection: 'keep-alive' }
    return new Response('data: 1\n\n', { headers })
  })
  const response = await send({}, { connection: 'close' })
  expect(response.headers.get('connection')).toBe('close')
})

it('answers without a body where there is none', async () => {
  const { send } = await serve(async () => new Response(null, { status: 202 }))
  const response = await send({})
  expect([response.status, await response.text()]).toEqual([202, ''])
})

it('streams as fast as a slow client takes it, and loses nothing', async () => {
  const chunk = new Uint8Array(64 * 1024).fill(120)
  let produced = 0
  const { port } = await serve(async () => {
    const body = new ReadableStream({
      pull(controller) {
        if (produced === 400) controller.close()
        else {
          produced++
          controller.enqueue(chunk)
        }
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  const socket = connect(port, '127.0.0.1').pause()
  socket.write(
    'POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
  )
  await new Promise((resolve) => setTimeout(resolve, 300))
  // What a stopped reader is owed waits at the source, not in this process's memory.
  expect(produced).toBeLessThan(400)
  let bytes = 0
  socket.on('data', (data) => {
    bytes += data.length
  })
  socket.resume()
  await once(socket, 'close')
  expect(produced).toBe(400)
  expect(bytes).toBeGreaterThan(400 * chunk.length)
})

it('tells the handler at once when the client goes away, and stops reading its stream', async () => {
  const cancelled = vi.fn()
  let signal: AbortSignal | undefined
  const { send, onError } = await serve(async (request) => {
    signal = request.signal
    const body = new ReadableStream({
      pull: async (controller) => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        controller.enqueue(new Uint8Array(10))
      },
      cancel: cancelled,
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  const response = await send({})
  await response.body?.cancel()
  await vi.waitFor(() => expect(signal?.aborted).toBe(true))
  await vi.waitFor(() => expect(cancelled).toHaveBeenCalled())
  expect(onError).not.toHaveBeenCalled()
})

it('leaves the signal of an answered request alone', async () => {
  let signal: AbortSignal | undefined
  const { send } = await serve(async (request) => {
    signal = request.signal
    return Response.json({})
  })
  await (await send({})).json()
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(signal?.aborted).toBe(false)
})

it('leaves a failing handler, and a failing stream, to the error handler', async () => {
  const broken = await serve(async () => {
    throw new Error('closed')
  })
  expect((await broken.send({})).status).toBe(500)
  expect(broken.onError).toHaveBeenCalledWith(new Error('closed'))

  const torn = await serve(async () => {
    const body = new ReadableStream({ start: (controller) => controller.error(new Error('torn')) })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })
  await expect(torn.send({}).then((response) => response.text())).rejects.toThrow()
  expect(torn.onError).toHaveBeenCalledWith(new Error('torn'))
})
