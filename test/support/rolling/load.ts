import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Client } from '@modelcontextprotocol/client'
import type { Call, OpenClient, Target } from './calls.js'
import { connectModern, kinds } from './clients.js'
import { digestLater } from './digest-later.js'
import { noteFailure, type Tally } from './tally.js'

export const STREAMS = 10
/** Calls after which a client goes and another comes, so that there are beginnings at all times. */
const CALLS_A_CLIENT = 10
/** How long a client waits after a failure, so that one that is told no at once does not fill the count. */
const PAUSE_MS = 100
const SETTLE_MS = 60_000

/** Fifty clients that call and ten that listen, until they are told to stop. */
export function startLoad(target: Target, tally: Tally) {
  const stopped = new AbortController()
  const { signal } = stopped
  const callers = kinds.flatMap(({ kind, count, open }) => {
    tally.calls[kind] = { answered: 0, failed: 0 }
    return Array.from({ length: count }, () => keepCalling(kind, open, target, tally, signal))
  })
  const listeners = Array.from({ length: STREAMS }, () => keepListening(target, tally, signal))
  return {
    /** Resolves when every stream is open and this process has answered a call: then it is as it was. */
    async settled(pid: number | undefined): Promise<void> {
      const endsAt = performance.now() + SETTLE_MS
      while (tally.streams.open < STREAMS || !tally.pids.has(pid ?? 0)) {
        if (performance.now() > endsAt) return noteFailure(tally, 'load', 'has not settled')
        await sleep(20)
      }
    },
    /** Resolves when every call has ended and every stream was closed. */
    async stop(): Promise<void> {
      stopped.abort()
      await Promise.all([...callers, ...listeners])
    },
  }
}

async function keepCalling(
  kind: string,
  open: (target: Target) => Promise<OpenClient>,
  target: Target,
  tally: Tally,
  stopped: AbortSignal,
): Promise<void> {
  const count = tally.calls[kind] ?? { answered: 0, failed: 0 }
  while (!stopped.aborted) {
    let client: OpenClient | undefined
    try {
      client = await open(target)
      for (let calls = 0; calls < CALLS_A_CLIENT && !stopped.aborted; calls++) {
        tally.pids.add(await callAndVerify(client))
        count.answered++
      }
    } catch (error) {
      count.failed++
      noteFailure(tally, kind, error)
      await sleep(PAUSE_MS)
    } finally {
      await client?.close()
    }
  }
}

/** @returns the process that answered. @throws Error when the answer is not that of this call. */
async function callAndVerify(client: OpenClient): Promise<number> {
  const text = randomBytes(10 + Math.floor(Math.random() ** 4 * 9_000)).toString('base64')
  const call: Call = {
    name: digestLater.name,
    arguments: { text, durationMs: someDurationMs() },
    streamed: Math.random() < 0.5,
  }
  const { sha256, pid } = ((await client.call(call)) ?? {}) as { sha256?: unknown; pid?: unknown }
  if (sha256 !== createHash('sha256').update(text).digest('hex') || typeof pid !== 'number')
    throw new Error(`not the digest of what was sent: ${sha256}`)
  return pid
}

/** 5 ms to 3 s, many of them short. */
function someDurationMs(): number {
  return Math.round(5 * 600 ** Math.cbrt(Math.random()))
}

async function keepListening(target: Target, tally: Tally, stopped: AbortSignal): Promise<void> {
  const { streams } = tally
  const stop = new Promise<'stop'>((resolve) =>
    stopped.addEventListener('abort', () => resolve('stop')),
  )
  let client: Client | undefined
  let ended = false
  while (!stopped.aborted) {
    try {
      client ??= await connectModern(target)
      const stream = await client.listen({ toolsListChanged: true })
      streams.opened++
      streams.open++
      if (ended) streams.resumed++
      const how = await Promise.race([stream.closed, stop])
      streams.open--
      ended = how !== 'stop'
      if (how === 'graceful') streams.completed++
      else if (how === 'stop') await stream.close()
      else throw new Error(`the stream ended in another way: ${how}`)
    } catch (error) {
      noteFailure(tally, 'subscription', error)
      await sleep(PAUSE_MS)
    }
  }
  await client?.close()
}
