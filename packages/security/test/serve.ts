import { once } from 'node:events'
import { createServer as createPlain } from 'node:http'
import { type AddressInfo, connect, type Server } from 'node:net'
import express, { type ErrorRequestHandler, type Express } from 'express'
import { afterEach, expect } from 'vitest'
import { type CreateServerOptions, createServer } from '../src/index.js'

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

export function atEnd(close: () => void): void {
  closers.push(close)
}

/** Listens on a port of 127.0.0.1 until the test ends. */
export async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  server.listen(0, '127.0.0.1')
  atEnd(() => {
    server.close()
    server.closeAllConnections?.()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** An app behind createServer, with the errors that reached its error handler; `own: false` is Express alone. */
export async function serve(
  build: (app: Express) => void,
  options: Omit<CreateServerOptions, 'tls'> & { own?: boolean } = {},
) {
  const { own = true, ...serverOptions } = options
  const app = express()
  const errors: unknown[] = []
  build(app)
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    errors.push(error)
    res.status(500).json({ error: 'masked' })
  }
  app.use(onError)
  const server = own ? createServer(app, serverOptions) : createPlain(app)
  const port = await listen(server)
  return { app, server, port, url: `http://127.0.0.1:${port}`, errors }
}

/** Sends bytes as they are and gives back everything received until the connection ends. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.from(text, 'latin1'))
  return received(socket)
}

export async function received(socket: ReturnType<typeof connect>): Promise<string> {
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('close', resolve))
  return text
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])
}

/** A request of the given lines on a connection of its own. */
export function request(port: number, lines: readonly string[], requestLine = 'GET / HTTP/1.1') {
  return sendRaw(port, [requestLine, ...lines, 'Connection: close', '', ''].join('\r\n'))
}

/** Matches the error for a wrong option whose message says all of `parts`. */
export function optionError(...parts: string[]) {
  const message = expect.toSatisfy(
    (text: string) =>
      text.startsWith('@mcp-prod/security: ') && parts.every((part) => text.includes(part)),
    `an option error that says ${parts.join(' and ')}`,
  )
  return expect.objectContaining({ name: 'TypeError', code: 'ERR_SECURITY_OPTION', message })
}
