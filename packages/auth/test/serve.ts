import { once } from 'node:events'
import { createServer, type ServerOptions } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { afterEach } from 'vitest'
import type { AuthInfo } from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** An app on a real port, with the errors that reached its error handler. */
export async function serve(build: (app: Express) => void, options: ServerOptions = {}) {
  const app = express()
  const errors: unknown[] = []
  build(app)
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error)
    res.status(500).json({ error: 'masked' })
  }
  app.use(onError)
  const server = createServer(options, app).listen(0, '127.0.0.1')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/mcp`, port, errors }
}

/** What the apps of these tests answer: a refusal, or whom they saw. */
interface Body {
  error: { code: number; message: string; data?: { requiredScopes: string[] } }
  principal?: string
}

export async function answer(response: Response) {
  const { status, headers } = response
  const body = (await response.json()) as Body
  return { status, challenge: headers.get('www-authenticate'), headers, body }
}

/** Sends header lines that `fetch` would refuse or change, byte by byte, and gives back the whole answer. */
export async function sendLines(
  port: number,
  lines: readonly string[],
  requestLine = 'GET /mcp HTTP/1.1',
) {
  const socket = connect(port, '127.0.0.1')
  const text = [requestLine, 'Host: localhost', 'Connection: close', ...lines, '', ''].join('\r\n')
  socket.end(Buffer.from(text, 'latin1'))
  let received = ''
  for await (const chunk of socket) received += chunk
  const [head = '', body = ''] = received.split('\r\n\r\n')
  const challenge = /^www-authenticate: (.*)$/im.exec(head)?.[1]
  return { status: Number(head.split(' ')[1]), challenge, head, body }
}

export function someone(auth: Partial<AuthInfo> = {}): AuthInfo {
  return { token: '[redacted]', clientId: 'someone', scopes: [], ...auth }
}
