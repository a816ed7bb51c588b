import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import { text } from 'node:stream/consumers'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'

const GET = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

interface Connection {
  localPort?: number | undefined
  /** Of the server's certificate, which is sent unless a session is resumed. */
  fingerprint?: string | undefined
}
/** Noted at the handshake: a connection that is closed knows nothing of it any more. */
const connections = new WeakMap<TLSSocket, Connection>()

function connectionOf(socket: TLSSocket): Connection {
  const known = connections.get(socket)
  if (known) return known
  const fresh: Connection = {}
  connections.set(socket, fresh)
  socket.once('secureConnect', () => {
    fresh.localPort = socket.localPort
    fresh.fingerprint = socket.isSessionReused()
      ? 'resumed'
      : socket.getPeerX509Certificate()?.fingerprint256
  })
  return fresh
}

/** A request by Node's client, without an agent on a connection of its own: its answer, and what it came over. */
export async function ask(port: number, options: RequestOptions = {}) {
  const to = { host: '127.0.0.1', port, rejectUnauthorized: false, agent: false as const }
  const req = request({ ...to, ...options }).end()
  let connection: Connection | undefined
  req.once('socket', (socket: TLSSocket) => {
    connection = connectionOf(socket)
  })
  const [res] = (await once(req, 'response')) as [IncomingMessage]
  const body: unknown = JSON.parse(await text(res))
  return { status: res.statusCode, headers: res.headers, body, ...connection }
}

/** A request on a TLS connection of its own: what came back, and a session to resume it by. */
export async function converse(port: number, options: ConnectionOptions = {}) {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  let session: Buffer | undefined
  let answer = ''
  let reused: boolean | undefined
  let error: NodeJS.ErrnoException | undefined
  socket.on('secureConnect', () => {
    reused = socket.isSessionReused()
  })
  socket.on('session', (latest) => {
    session = latest
  })
  socket.on('error', (problem) => {
    error = problem
  })
  socket.on('data', (chunk) => {
    answer += chunk
  })
  socket.write(GET)
  await new Promise((resolve) => socket.once('close', resolve))
  const json = answer.split('\r\n\r\n')[1]
  return {
    answer,
    body: json && JSON.parse(json),
    session,
    error,
    reused,
  }
}

/** The same by a client that is not Node's; gives back all that it printed. */
export async function sClient(port: number, ...args: string[]): Promise<string> {
  const all = ['s_client', '-connect', `127.0.0.1:${port}`, '-ign_eof', ...args]
  const child = spawn('openssl', all)
  child.stdin.on('error', () => {})
  child.stdin.end(GET)
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return out + errors
}
