import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { fineWeather } from '../../../templates/+upstream/test/support/weather-server.js'

/** What a service does when a whole request has arrived. */
export type OnRequest = (socket: Socket) => void

const BODY = JSON.stringify(fineWeather)

/** Header lines and a body as they are, right or wrong. */
export function answerOf(headers: readonly string[], body = ''): string {
  const fields = ['HTTP/1.1 200 OK', 'Content-Type: application/json', ...headers]
  return `${fields.join('\r\n')}\r\n\r\n${body}`
}

export const fineBody = BODY
export const fineAnswer = answerOf([`Content-Length: ${BODY.length}`], BODY)

/** A weather service that speaks in bytes, so that it can break every rule, on a port that stays. */
export async function weatherUpstream() {
  const sockets = new Set<Socket>()
  let onRequest: OnRequest = (socket) => socket.write(fineAnswer)
  let requests = 0
  let sentEarlier = 0
  const server = createServer((socket) => {
    sockets.add(socket)
    // Whatever the client does to the connection is its right.
    socket.on('error', () => {})
    socket.once('close', () => {
      sockets.delete(socket)
      sentEarlier += socket.bytesWritten
    })
    let head = ''
    socket.on('data', (chunk) => {
      head += chunk
      if (!head.includes('\r\n\r\n')) return
      head = ''
      requests++
      onRequest(socket)
    })
  })

  async function listen(port: number): Promise<number> {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }
  const port = await listen(0)

  async function close(): Promise<void> {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    for (const socket of sockets) socket.destroy()
    await closed
  }

  return {
    url: `http://127.0.0.1:${port}/`,
    requests: () => requests,
    /** Bytes written to all clients so far. */
    sent: () => [...sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, sentEarlier),
    async well(): Promise<void> {
      onRequest = (socket) => socket.write(fineAnswer)
      if (!server.listening) await listen(port)
    },
    breaks(how: OnRequest): void {
      onRequest = how
    },
    /** Nobody listens any more: connections are refused. */
    refuses: close,
    close,
  }
}

/** Writes the same bytes for as long as somebody takes them, up to so many. */
export function pour(socket: Socket, chunk: Buffer, bytes: number): void {
  let left = bytes
  function more(): void {
    while (left > 0 && !socket.destroyed) {
      left -= chunk.length
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', more)
  more()
}
