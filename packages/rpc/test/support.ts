import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import express, { type Express, type Request } from 'express'
import { afterEach } from 'vitest'
import {
  type Call,
  callsOf,
  type Era,
  eraOf,
  type JsonBodyOptions,
  jsonBody,
  type RpcError,
  type RpcId,
  rpcIdOf,
} from '../src/index.js'

/** What `echoApp` answers, or a JSON-RPC error. */
export interface Answer {
  body: unknown
  calls: Call[]
  id: RpcId
  era: Era
  error: RpcError
}

const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Listens on a free port until the test ends. */
export async function listen(app: Express) {
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, port, url: `http://127.0.0.1:${port}/` }
}

/** An app that reads bodies and answers with what it understood. */
export function echoApp(options?: JsonBodyOptions): Express {
  const app = express()
  app.use(jsonBody(options))
  app.use((req: Request, res) => {
    const read = { body: req.body, calls: callsOf(req), id: rpcIdOf(req), era: eraOf(req) }
    res.json({ ran: true, ...read })
  })
  return app
}

export async function post(
  url: string,
  body: RequestInit['body'],
  headers: Record<string, string> = {},
) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: body ?? null,
  })
  const answer = (await response.json()) as Answer
  return { status: response.status, headers: response.headers, body: answer }
}

/** A raw connection that keeps everything it receives. */
export function open(port: number) {
  const socket = connect(port, '127.0.0.1')
  closers.push(() => socket.destroy())
  let received = ''
  let failed: Error | undefined
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', (error) => {
    failed = error
  })
  return {
    socket,
    received: () => received,
    failed: () => failed,
    closed: () => closed(socket),
    /** Resolves when `text` has been received `times` times. */
    async until(text: string, times = 1) {
      while (received.split(text).length <= times) await once(socket, 'data')
    },
  }
}

export async function closed(socket: Socket) {
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
}

export function head(...headers: string[]): string {
  return [
    'POST / HTTP/1.1',
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    ...headers,
    '',
    '',
  ].join('\r\n')
}

export const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
