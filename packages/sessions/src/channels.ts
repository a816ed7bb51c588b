import type { RequestId } from '@modelcontextprotocol/server'
import { type Channel, createChannel } from './channel.js'
import type { DetachedCalls } from './detached.js'
import type { Output } from './output.js'
import type { Recorder } from './recorder.js'
import type { EndError } from './transport.js'

/** Streams that have ended and can still be resumed, as far as their events are kept. */
const MAX_ENDED = 64

export interface ChannelsParts {
  /** Under which name events are stored. */
  session: string
  recorder: Recorder | undefined
  maxBufferBytes: number
  resumeWithinMs: number
  /** Whose calls they are, for the count of those without a connection. */
  share: string
  detached: DetachedCalls
  /** Called with a stream whose calls nobody waits for, or may. */
  onAbandoned: (channel: Channel, error: EndError) => void
  /** Told when a call or a stream has begun or ended. */
  onChange: () => void
}

const ABANDONED: EndError = { code: 499, message: 'Client Closed Request: nobody came back for it' }
const TOO_MANY: EndError = {
  code: 429,
  message: 'Too Many Requests: too many calls go on without a connection',
}

/** The streams of a session: that of GET, and one for each POST with calls in it. */
export function createChannels(parts: ChannelsParts) {
  const { session, recorder, maxBufferBytes, resumeWithinMs, share, detached } = parts
  const { onAbandoned, onChange } = parts
  const calls = new Map<RequestId, Channel>()
  const live = new Map<number, Channel>()
  const ended = new Map<number, readonly string[]>()
  /** Of streams whose first connection is gone, or was left: how many calls were counted then, and who waits for the client. */
  const away = new Map<Channel, { calls: number; timer?: NodeJS.Timeout }>()
  let count = 0

  const make = (number: number, stored: Recorder | undefined) =>
    createChannel({ number, session, recorder: stored, maxBufferBytes })
  const standalone = make(0, recorder)

  /** Counts the calls of a stream that loses its first connection, or says why they may not go on. */
  function leave(channel: Channel): EndError | undefined {
    const size = channel.pending.size
    if (!recorder || channel.number === 1) return ABANDONED
    if (!detached.take(share, size)) return TOO_MANY
    away.set(channel, { calls: size })
    return undefined
  }

  function onAway(channel: Channel): void {
    const refusal = away.has(channel) ? undefined : leave(channel)
    if (refusal) onAbandoned(channel, refusal)
    const entry = away.get(channel)
    if (!entry) return
    entry.timer = setTimeout(() => onAbandoned(channel, ABANDONED), resumeWithinMs).unref()
  }

  function close(channel: Channel): void {
    live.delete(channel.number)
    const entry = away.get(channel)
    if (entry) detached.give(share, entry.calls)
    clearTimeout(entry?.timer)
    away.delete(channel)
    if (recorder) ended.set(channel.number, channel.scopes)
    for (const oldest of ended.keys()) {
      if (ended.size <= MAX_ENDED) break
      ended.delete(oldest)
    }
    channel.end()
  }

  return {
    standalone,
    /** Under which name events are stored. */
    session,
    resumable: recorder !== undefined,
    get calls() {
      return calls.size
    },
    live: () => [...live.values()],
    of: (id: RequestId) => calls.get(id),
    isInUse: (id: RequestId) => calls.has(id),
    /** A stream for the calls of a POST. The first, of `initialize`, cannot be resumed: nobody knows the session yet. */
    open(ids: readonly RequestId[], scopes: readonly string[]): Channel {
      const channel = make(++count, count === 1 ? undefined : recorder)
      channel.scopes = scopes
      live.set(channel.number, channel)
      for (const id of ids) {
        channel.pending.add(id)
        calls.set(id, channel)
      }
      onChange()
      return channel
    },
    /** A call has its answer, or needs none any more. With the last one its stream ends. */
    settle(id: RequestId): void {
      const channel = calls.get(id)
      if (!channel) return
      calls.delete(id)
      channel.pending.delete(id)
      if (channel.pending.size === 0) close(channel)
      onChange()
    },
    /** Whether somebody may read what goes out there, now or when he comes back. */
    isReachable: (channel: Channel) =>
      channel.output !== undefined || (recorder !== undefined && channel.opened),
    /** Of a stream that can be resumed: the stream itself while it goes on, and what its token held. That of `initialize` has no ids. */
    find(number: number): { channel: Channel | undefined; scopes: readonly string[] } | undefined {
      if (number === 0) return { channel: standalone, scopes: [] }
      if (number === 1) return undefined
      const channel = live.get(number)
      const scopes = channel?.scopes ?? ended.get(number)
      return scopes && { channel, scopes }
    },
    /** Whether there ever was a stream of this number. */
    isKnown: (number: number) => number <= count,
    /** Whether another connection may take the stream. Its calls then count as without theirs, also while that is still there. */
    mayMove: (channel: Channel) =>
      channel === standalone || away.has(channel) || leave(channel) === undefined,
    /** A connection has come for the stream. */
    onBack(channel: Channel): void {
      clearTimeout(away.get(channel)?.timer)
      onChange()
    },
    /** A connection of the stream is gone. */
    onGone(channel: Channel, output: Output): void {
      const wasIt = channel.output === output
      channel.detach(output)
      if (wasIt && channel.pending.size > 0) onAway(channel)
      onChange()
    },
    close(): void {
      for (const channel of live.values()) close(channel)
      calls.clear()
      standalone.end(true)
      recorder?.drop(session)
    },
  }
}
