import { WorkersError } from './errors.js'
import { requireMilliseconds, requireTopic } from './options.js'

/** Marks our messages among those of others on the same channel. */
const MARK = '@mcp-prod/workers'
/** Questions that wait for an answer, and messages that wait to be sent; further ones fail at once. */
const MOST_WAITING = 1_000

export interface AskOptions {
  /** Milliseconds until the answer is given up. @default 1000 */
  timeoutMs?: number
}

/** Answers a question. What it throws makes the question fail at the other side, with its message. */
export type Handler<From> = (payload: unknown, from: From) => unknown

interface Message {
  [MARK]: 'ask' | 'answer' | 'tell'
  id: number
  topic: string
  payload?: unknown
  error?: string
}

/** The other process. */
export interface Peer {
  connected(): boolean
  send(message: object, sent: (error: Error | null) => void): unknown
}

export type Channel = ReturnType<typeof channel>

/** Questions and answers with one other process, over the channel that `node:cluster` has opened. */
export function channel(peer: Peer, answer: (topic: string, payload: unknown) => unknown) {
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  const told = new Map<string, (payload: unknown) => void>()
  let lastId = 0
  let unsent = 0

  function send(message: Message): boolean {
    if (!peer.connected() || unsent >= MOST_WAITING) return false
    let isSent = false
    const sent = () => {
      if (!isSent) unsent--
      isSent = true
    }
    unsent++
    try {
      peer.send(message, sent)
    } catch (error) {
      // What cannot be cloned.
      sent()
      throw error
    }
    return true
  }

  async function reply({ id, topic, payload }: Message): Promise<void> {
    const about = { [MARK]: 'answer', id, topic } as const
    try {
      send({ ...about, payload: await answer(topic, payload) })
    } catch (error) {
      send({ ...about, error: error instanceof Error ? error.message : String(error) })
    }
  }

  return {
    ask(topic: string, payload?: unknown, options: AskOptions = {}): Promise<unknown> {
      const { timeoutMs = 1_000 } = options
      requireTopic(topic, Function)
      requireMilliseconds('timeoutMs', timeoutMs)
      return new Promise((resolve, reject) => {
        const id = ++lastId
        if (waiting.size >= MOST_WAITING) {
          reject(new WorkersError('ERR_WORKERS_BUSY', `too many wait for an answer to "${topic}"`))
          return
        }
        const late = () => {
          waiting.delete(id)
          const text = `no answer to "${topic}" within ${timeoutMs} ms`
          reject(new WorkersError('ERR_WORKERS_TIMEOUT', text))
        }
        // Where this process was busy all the while the answer waits to be read: it is, before an immediate runs.
        const timer = setTimeout(() => setImmediate(() => waiting.has(id) && late()), timeoutMs)
        const settled = () => {
          clearTimeout(timer)
          waiting.delete(id)
        }
        waiting.set(id, {
          resolve(value) {
            settled()
            resolve(value)
          },
          reject(error) {
            settled()
            reject(error)
          },
        })
        try {
          if (send({ [MARK]: 'ask', id, topic, payload })) return
        } catch (error) {
          waiting.get(id)?.reject(error as Error)
          return
        }
        const isGone = !peer.connected()
        const code = isGone ? 'ERR_WORKERS_GONE' : 'ERR_WORKERS_BUSY'
        const why = isGone ? 'the other process is gone' : 'it takes no messages'
        waiting.get(id)?.reject(new WorkersError(code, `"${topic}" cannot be asked: ${why}`))
      })
    },
    tell: (topic: string, payload?: unknown): boolean =>
      send({ [MARK]: 'tell', id: 0, topic, payload }),
    onTold(topic: string, listener: (payload: unknown) => void): void {
      told.set(topic, listener)
    },
    /** Takes a message of the channel; those of others are not ours. */
    receive(received: unknown): void {
      const message = received as Message | null
      const kind = typeof message === 'object' && message !== null ? message[MARK] : undefined
      if (!message || kind === undefined) return
      const { id, topic, payload, error } = message
      if (kind === 'ask') void reply(message)
      else if (kind === 'tell') told.get(topic)?.(payload)
      else if (error === undefined) waiting.get(id)?.resolve(payload)
      else waiting.get(id)?.reject(new WorkersError('ERR_WORKERS_ANSWER', `"${topic}": ${error}`))
    },
    /** Nobody answers any more. */
    end(): void {
      const error = new WorkersError('ERR_WORKERS_GONE', 'the other process is gone')
      for (const { reject } of [...waiting.values()]) reject(error)
    },
  }
}

/** Handlers by their topics. */
export function handlers<From>() {
  const known = new Map<string, Handler<From>>()
  return {
    add(topic: string, handler: Handler<From>): void {
      requireTopic(topic, handler)
      known.set(topic, handler)
    },
    async answer(topic: string, payload: unknown, from: From): Promise<unknown> {
      const handler = known.get(topic)
      if (!handler) throw new Error('nobody answers that')
      return handler(payload, from)
    },
  }
}
