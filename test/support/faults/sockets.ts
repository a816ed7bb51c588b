import { readdir, readFile, readlink } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'

/** A client's connection, and when the server ended it. */
export interface Slow {
  socket: Socket
  /** What the server said before it closed. */
  received: () => string
  closed: Promise<void>
  /** Milliseconds from the connection's begin to its end; undefined while it is open. */
  closedAfterMs: () => number | undefined
}

export interface SlowOptions {
  /** Sent at once. */
  begin: string
  /** Sent a character each second, again and again, until the server closes. @default nothing */
  drip?: string
}

/** A client that sends its request so slowly that it never ends. */
export function slowClient(port: number, { begin, drip = '' }: SlowOptions): Slow {
  const started = performance.now()
  const socket = connect(port, '127.0.0.1')
  let received = ''
  let closedAfterMs: number | undefined
  let sent = 0
  // A reset is a way to end a connection too.
  socket.on('error', () => {})
  socket.setEncoding('latin1').on('data', (chunk) => {
    received += chunk
  })
  socket.write(begin)
  const timer = setInterval(() => {
    if (socket.writable && drip) socket.write(drip.charAt(sent++ % drip.length))
  }, 1_000)
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      clearInterval(timer)
      closedAfterMs = performance.now() - started
      resolve()
    })
  })
  return { socket, received: () => received, closed, closedAfterMs: () => closedAfterMs }
}

/** How many of these clients' connections the server at a port still holds. What the kernel alone still has counts no more. */
export async function heldOf(clients: readonly Slow[], port: number): Promise<number> {
  const ports = new Set(clients.map(({ socket }) => socket.localPort))
  const lines = (await readFile('/proc/net/tcp', 'utf8')).trim().split('\n').slice(1)
  const portOf = (address = '') => Number.parseInt(address.split(':')[1] ?? '', 16)
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, remote]) => portOf(local) === port && ports.has(portOf(remote)))
    .filter((words) => words[9] !== '0').length
}

/** How many sockets a process has open, listening ones and pipes included. */
export async function socketsOf(pid: number): Promise<number> {
  const folder = `/proc/${pid}/fd`
  const targets = await Promise.all(
    // One may be closed while we look.
    (await readdir(folder)).map((fd) => readlink(`${folder}/${fd}`).catch(() => '')),
  )
  return targets.filter((target) => target.startsWith('socket:')).length
}
