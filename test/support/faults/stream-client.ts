// Run as a process of its own, so that it can vanish with all its connections at once: opens streams as it is told by
// messages, and tells what became of them.
import { connect, type Socket } from 'node:net'

export interface OpenOrder {
  port: number
  /** Whole requests, each for a connection of its own. */
  requests: readonly string[]
  /** Most that wait for their answer's begin at the same time. */
  concurrency: number
}

export interface StreamReport {
  /** How often each status was answered; `none` for a connection that ended without. */
  statuses: Record<string, number>
  /** The different values of Retry-After. */
  retryAfter: string[]
  /** How many of the open streams have said that they are complete, and how many are over. */
  complete: number
  over: number
}

const open = new Set<Socket>()
const statuses: StreamReport['statuses'] = {}
const retryAfter = new Set<string>()
let complete = 0
let over = 0

/** Resolves with the begin of the answer; a stream stays open. */
function openOne(port: number, request: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let head = ''
    let tail = ''
    let status: string | undefined
    function settle(answered: string): void {
      status = answered
      statuses[answered] = (statuses[answered] ?? 0) + 1
      const [, after] = /^retry-after: (.+)\r$/im.exec(head) ?? []
      if (after) retryAfter.add(after)
      if (answered === '200') open.add(socket)
      else socket.destroy()
      resolve()
    }
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      // The last message may come in two pieces.
      tail = (tail + chunk).slice(-1000)
      if (status !== undefined) return
      head += chunk
      if (head.includes('\r\n\r\n')) settle(head.slice(9, 12))
    })
    socket.once('close', () => {
      if (status === undefined) settle('none')
      if (!open.delete(socket)) return
      over++
      if (tail.includes('"resultType":"complete"')) complete++
    })
    socket.write(request)
  })
}

async function openAll({ port, requests, concurrency }: OpenOrder): Promise<void> {
  const queue = [...requests]
  const worker = async () => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) await openOne(port, next)
  }
  await Promise.all(Array.from({ length: concurrency }, worker))
}

process.on('message', async (order: OpenOrder | 'report') => {
  if (order !== 'report') await openAll(order)
  const report: StreamReport = { statuses, retryAfter: [...retryAfter], complete, over }
  process.send?.(report)
})
process.once('disconnect', () => process.exit())
