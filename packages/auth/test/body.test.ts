import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { authenticate } from '../src/index.js'
import { answer, serve, someone } from './serve.js'

const refuseAll = (build = authenticate(() => undefined)) => serve((app) => app.use(build))

/** Uploads without an end; resolves with what came back once the server has cut it off, or fails at the limit. */
async function stream(port: number, head: string, limitMs = 4000) {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  let sentBytes = 0
  socket.on('data', (chunk) => {
    received += chunk
  })
  // Writing into a closed connection is what this is about.
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n${head}\r\n`)
  const chunk = 'a'.repeat(0x4000)
  const deadline = performance.now() + limitMs
  while (!socket.destroyed && !socket.readableEnded) {
    if (performance.now() > deadline) {
      socket.destroy()
      throw new Error(`still connected after ${sentBytes} bytes: ${received}`)
    }
    socket.write(`4000\r\n${chunk}\r\n`)
    sentBytes += chunk.length
    await delay(1)
  }
  return { received, sentBytes }
}

describe('an anonymous body', () => {
  it.each([
    ['without a token', ''],
    ['with a malformed header', 'Authorization: Bearer  x\r\n'],
    ['with a wrong token', 'Authorization: Bearer x\r\n'],
    ['with two headers', 'Authorization: Bearer x\r\nAuthorization: Bearer x\r\n'],
  ])('is cut off while it still comes: %s', async (_case, head) => {
    const { port } = await refuseAll()
    const { received } = await stream(port, head)
    expect(received).toMatch(/^HTTP\/1\.1 401 /)
    expect(received).toMatch(/^connection: close\r$/im)
    expect(received).toContain('"code":401')
  })

  it('is cut off also when the verifier fails', async () => {
    const { port, errors } = await refuseAll(authenticate(() => Promise.reject(new Error('down'))))
    const { received } = await stream(port, 'Authorization: Bearer x\r\n')
    expect(received).toMatch(/^HTTP\/1\.1 500 /)
    expect(errors).toHaveLength(1)
  })

  it('is not read while the verifier works', async () => {
    let readBytes = 0
    let connection: Socket | undefined
    const { port } = await serve((app) => {
      app.use((req, _res, next) => {
        connection = req.socket
        next()
      })
      const verify = async () => {
        await delay(300)
        readBytes = connection?.bytesRead ?? 0
        return undefined
      }
      app.use(authenticate(verify))
    })
    const { sentBytes } = await stream(port, 'Authorization: Bearer x\r\n')
    expect(readBytes).toBeGreaterThan(0)
    expect(readBytes).toBeLessThan(256 * 1024)
    expect(sentBytes).toBeGreaterThan(2 * readBytes)
  })

  it('of a large upload does not keep an honest client from its answer', async () => {
    const { url } = await refuseAll()
    const init = {
      method: 'POST',
      body: 'x'.repeat(2_000_000),
      headers: { authorization: 'Bearer old' },
    }
    const { status, challenge } = await answer(await fetch(url, init))
    expect(status).toBe(401)
    expect(challenge).toContain('invalid_token')
  })
})

describe('a connection', () => {
  it('stays open after a refusal that left nothing unread', async () => {
    const { url } = await refuseAll()
    const bodyless = await fetch(url)
    expect(bodyless.status).toBe(401)
    expect(bodyless.headers.get('connection')).toBe('keep-alive')
    const empty = await fetch(url, { method: 'POST', body: '' })
    expect(empty.headers.get('connection')).toBe('keep-alive')
  })

  it('stays open after a request that was let in', async () => {
    const { url } = await serve((app) => {
      app.post(
        '/mcp',
        authenticate(() => someone()),
        (req, res) => {
          req.resume().on('end', () => res.json({}))
        },
      )
    })
    const init = { method: 'POST', body: '{}', headers: { authorization: 'Bearer x' } }
    expect((await fetch(url, init)).headers.get('connection')).toBe('keep-alive')
  })
})
