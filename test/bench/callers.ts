import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Called {
  status: number
  /** Milliseconds from its sending to its answer. */
  ms: number
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket.setEncoding('latin1')
}

/** Connections that stay open, as a proxy in front has them; raw bytes, for the client must not be the slower one. */
export async function callers(port: number, count: number) {
  const slots: { socket: Socket }[] = []
  for (let i = 0; i < count; i++) slots.push({ socket: await opened(port) })
  const free = [...slots]

  /** One call on a connection that has none; one that the server closes is opened again. */
  async function call(slot: { socket: Socket }, request: string): Promise<Called> {
    const { socket } = slot
    const began = performance.now()
    socket.write(request)
    const text = await new Promise<string>((resolve) => {
      const ended = () => resolve('')
      socket.once('close', ended)
      socket.once('data', (text: string) => {
        socket.off('close', ended)
        resolve(text)
      })
    })
    const ms = performance.now() - began
    if (text === '' || /^connection: close/im.test(text)) slot.socket = await opened(port)
    return { status: Number(text.slice(9, 12)), ms }
  }

  return {
    /** Each of some callers calls again as soon as it has its answer. */
    async closed(width: number, ms: number, request: string): Promise<Called[]> {
      const all: Called[] = []
      const end = performance.now() + ms
      const caller = async (slot: { socket: Socket }) => {
        while (performance.now() < end) all.push(await call(slot, request))
      }
      await Promise.all(slots.slice(0, width).map(caller))
      return all
    },
    /** So many calls a second, whether others were answered or not, for as long as there is a free connection. */
    async open(perSecond: number, ms: number, request: string) {
      const all: Called[] = []
      const under = new Set<Promise<unknown>>()
      const began = performance.now()
      let due = 0
      let missed = 0
      for (let now = 0; now < ms; now = performance.now() - began) {
        for (; due < (now / 1000) * perSecond; due++) {
          const slot = free.pop()
          if (!slot) {
            missed++
            continue
          }
          const done: Promise<unknown> = call(slot, request).then((called) => {
            all.push(called)
            free.push(slot)
            under.delete(done)
          })
          under.add(done)
        }
        await sleep(2)
      }
      await Promise.all(under)
      return { all, missed }
    },
    close() {
      for (const { socket } of slots) socket.destroy()
    },
  }
}
