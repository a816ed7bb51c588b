import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { raw } from './held-calls.js'

const CALL = raw({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'a' } })

export interface Load {
  /** Calls answered with 200 in each second. */
  goodput: number
  refused: number
  /** Milliseconds from when each admitted call was due to its answer, sorted; those without an answer until the end too. */
  tookMs: number[]
}

/** Keep-alive connections, as a proxy in front has them. */
export async function connections(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    await once(socket, 'connect')
    sockets.push(socket.setEncoding('latin1'))
  }
  return sockets
}

/**
 * Calls for `ms` milliseconds: at a steady rate whatever becomes of those before, as many agents do that know nothing of each
 * other; without a rate, each connection as soon as it has its answer. Raw bytes: the client must not be the slower one.
 */
export async function load(sockets: Socket[], ms: number, perSecond?: number): Promise<Load> {
  const free = [...sockets]
  const due: number[] = []
  const open = new Map<Socket, number>()
  const tookMs: number[] = []
  const began = performance.now()
  let served = 0
  let refused = 0
  let made = 0

  function send(): void {
    for (let dueAt = due[0]; dueAt !== undefined && free.length > 0; dueAt = due[0]) {
      const socket = free.shift() as Socket
      open.set(socket, due.shift() as number)
      socket.write(CALL)
    }
  }
  function answered(socket: Socket, text: string): void {
    const dueAt = open.get(socket)
    // Each answer begins a chunk of its own, since a connection has but one call at a time.
    if (dueAt === undefined || !text.startsWith('HTTP/1.1 ')) return
    open.delete(socket)
    free.push(socket)
    if (text.startsWith('200', 9)) {
      served++
      tookMs.push(performance.now() - dueAt)
    } else refused++
    if (perSecond === undefined) due.push(performance.now())
    send()
  }
  for (const socket of sockets) socket.on('data', (text: string) => answered(socket, text))

  if (perSecond === undefined) for (const _ of sockets) due.push(performance.now())
  for (let now = 0; now < ms; now = performance.now() - began) {
    for (; perSecond !== undefined && made < (now / 1000) * perSecond; made++) {
      due.push(began + (made / perSecond) * 1000)
    }
    send()
    await wait(2)
  }
  const end = performance.now()
  for (const socket of sockets) socket.removeAllListeners('data')
  for (const dueAt of [...due, ...open.values()]) tookMs.push(end - dueAt)
  tookMs.sort((a, b) => a - b)
  return { goodput: (served * 1000) / (end - began), refused, tookMs }
}

export function quantile(sorted: number[], q: number): number {
  return sorted[Math.ceil(q * sorted.length) - 1] ?? Number.NaN
}
