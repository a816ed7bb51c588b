import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/server'
import type { StoredEvent } from './event-store.js'
import type { Output } from './output.js'
import type { Recorder } from './recorder.js'
import { within } from './within.js'

/** Milliseconds that a client waits for what is on its way to the store. */
const STORED_WITHIN_MS = 2000

export interface ChannelParts {
  /** 0 for the stream that a GET opens, from 1 on for those of POSTs. */
  number: number
  /** Under which name the session's events are stored. */
  session: string
  /** Undefined when the stream cannot be resumed. */
  recorder: Recorder | undefined
  /** Most bytes that wait for a client which is being told what it missed. */
  maxBufferBytes: number
}

/**
 * A stream as the client sees it: messages in order, each with an id where they are stored, over one connection after the other. A
 * message goes to one connection only.
 */
export interface Channel {
  readonly number: number
  /** Requests of the client whose answers it will carry. */
  readonly pending: Set<RequestId>
  /** What the token held that began it. */
  scopes: readonly string[]
  readonly output: Output | undefined
  /** Whether a connection has ever been there. */
  readonly opened: boolean
  emit(message: JSONRPCMessage): void
  /** Takes a connection, in place of the one before. `retryMs` says when the client may come back; undefined says nothing. */
  attach(output: Output, retryMs: number | undefined): void
  /** The same after what the client missed. */
  resume(output: Output, after: number, retryMs: number | undefined): Promise<void>
  /** Forgets this connection, if it is the one. */
  detach(output: Output): void
  end(soon?: boolean): void
}

export function createChannel({
  number,
  session,
  recorder,
  maxBufferBytes,
}: ChannelParts): Channel {
  let seq = 0
  let output: Output | undefined
  let opened = false
  let held: StoredEvent[] | undefined
  let heldBytes = 0
  let ending = false
  /** Events on their way to the store. Not one promise for all of them: it would keep those before it. */
  const storing = new Set<Promise<unknown>>()

  function eventOf({ seq, data }: StoredEvent): string {
    const id = recorder ? `id: ${number}-${seq}\n` : ''
    return `event: message\n${id}data: ${data}\n\n`
  }

  function take(next: Output): void {
    const before = output
    output = next
    opened = true
    held = undefined
    before?.end(true)
  }

  /** An event without a message, by whose id a client can resume before any message came. */
  function prime(to: Output, retryMs: number | undefined): void {
    if (recorder && retryMs !== undefined)
      to.write(`id: ${number}-${++seq}\nretry: ${retryMs}\ndata: \n\n`)
  }

  async function replay(to: Output, after: number): Promise<StoredEvent[]> {
    const mine: StoredEvent[] = []
    held = mine
    heldBytes = 0
    await within(STORED_WITHIN_MS, () => Promise.all(storing))
    let last = after
    for (const event of (await recorder?.read(session, number, after)) ?? []) {
      to.write(eventOf(event))
      last = event.seq
      await to.room()
    }
    // Another connection has come meanwhile.
    if (held !== mine) to.end(true)
    return mine.filter((event) => event.seq > last)
  }

  return {
    number,
    pending: new Set(),
    scopes: [],
    get output() {
      return output
    },
    get opened() {
      return opened
    },
    emit(message) {
      // Nobody has an id from which to resume it.
      if (number === 0 && !opened) return
      const event = { seq: ++seq, data: JSON.stringify(message) }
      const stored = recorder?.append(session, number, event)
      if (stored) storing.add(stored)
      stored?.then(() => storing.delete(stored))
      if (!held) output?.write(eventOf(event))
      else {
        held.push(event)
        heldBytes += event.data.length
        // Who takes what it missed too slowly comes again for the rest.
        if (heldBytes > maxBufferBytes) output?.end(true)
      }
    },
    attach(next, retryMs) {
      take(next)
      prime(next, retryMs)
    },
    async resume(next, after, retryMs) {
      take(next)
      try {
        const missed = await replay(next, after)
        if (output !== next) return
        held = undefined
        for (const event of missed) next.write(eventOf(event))
        if (ending) next.end()
        else prime(next, retryMs)
      } catch (error) {
        next.end(true)
        throw error
      }
    },
    detach(gone) {
      if (output !== gone) return
      output = undefined
      held = undefined
    },
    end(soon) {
      // What was missed still comes before the end.
      if (held && !soon) ending = true
      else output?.end(soon)
    },
  }
}
