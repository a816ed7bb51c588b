import { AsyncLocalStorage } from 'node:async_hooks'
import {
  isJSONRPCErrorResponse,
  isJSONRPCNotification,
  isJSONRPCRequest,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type MessageExtraInfo,
  type RequestId,
  SUPPORTED_PROTOCOL_VERSIONS,
  type Transport,
} from '@modelcontextprotocol/server'
import { pendingAsks } from './asks.js'
import type { Channel } from './channel.js'
import { type ChannelsParts, createChannels } from './channels.js'

export interface SessionTransport extends Transport {
  readonly channels: ReturnType<typeof createChannels>
  /** The protocol versions that the server speaks. */
  readonly versions: readonly string[]
  /** Hands the messages of one POST to the server; a response that nobody waits for is dropped. */
  deliver(messages: readonly JSONRPCMessage[], extra: MessageExtraInfo): void
  /** Calls that run. */
  readonly calls: number
  /** Ends everything; a call in flight is answered with this error. */
  finish(error: EndError): void
}

/** What a call is told that cannot be answered any more. */
export interface EndError {
  code: number
  message: string
}

export interface TransportParts extends Omit<ChannelsParts, 'onAbandoned'> {
  id: string
  answerTimeoutMs: number
  /** Told once, when nothing goes in or out any more. */
  onFinished: () => void
  /** Told of the protocol version that the server has agreed to, or of its refusal. */
  onInitialized: (version: string | undefined) => void
  onError: (error: Error) => void
}

const ENDED: EndError = { code: 404, message: 'Not Found: the session has ended' }
const NO_JSON = { code: -32603, message: 'Internal error' }
const UNANSWERED = { code: 408, message: 'Request Timeout: the client did not answer' }

/**
 * For which call the server is at work: what it asks the client belongs there, though the SDK's own `requestSampling` and
 * `elicitInput` do not say so. A client without a stream of GET would never hear of it.
 */
const working = new AsyncLocalStorage<{ channels: unknown; channel: Channel }>()

/**
 * What the SDK's server speaks through: each message goes to the stream it belongs to. That of the SDK keeps what it has for a
 * cancelled call, confuses calls of the same id, and buffers without a bound for a client that does not read.
 */
export function sessionTransport(parts: TransportParts): SessionTransport {
  const { id: sessionId, answerTimeoutMs, onFinished, onInitialized, onError } = parts
  const channels = createChannels({ ...parts, onAbandoned: abandon })
  const asks = pendingAsks(answerTimeoutMs, (id) =>
    receive({ jsonrpc: '2.0', id, error: UNANSWERED }, {}),
  )
  let initializing: RequestId | undefined
  let finishing = false
  let finished = false
  let versions: readonly string[] = SUPPORTED_PROTOCOL_VERSIONS

  function receive(message: JSONRPCMessage, extra: MessageExtraInfo): void {
    try {
      transport.onmessage?.(message, extra)
    } catch (error) {
      onError(error as Error)
    }
  }

  function cancel(requestId: RequestId, reason: string): void {
    receive(
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId, reason } },
      {},
    )
  }

  /** Nobody waits for these calls, or may. */
  function abandon({ pending }: Channel, error: EndError): void {
    for (const id of [...pending]) {
      cancel(id, error.message)
      answer(id, { jsonrpc: '2.0', id, error })
    }
  }

  function answer(id: RequestId, message: JSONRPCMessage): void {
    const channel = channels.of(id)
    // Cancelled meanwhile: nobody waits for it.
    if (!channel) return
    const said = emitAnswer(channel, id, message)
    channels.settle(id)
    if (id !== initializing) return
    initializing = undefined
    const { result } = said as { result?: { protocolVersion?: string } }
    onInitialized(result?.protocolVersion)
  }

  /** What the client was told: an answer that is no JSON, such as one with a BigInt in it, must not leave the call open. */
  function emitAnswer(channel: Channel, id: RequestId, message: JSONRPCMessage): JSONRPCMessage {
    try {
      channel.emit(message)
      return message
    } catch (cause) {
      onError(new Error('an answer is no JSON', { cause }))
      const failed = { jsonrpc: '2.0' as const, id, error: NO_JSON }
      channel.emit(failed)
      return failed
    }
  }

  /** In words of our own: what the server's SDK refuses of the client's would free the place of a call that runs on. */
  function onCancelled({ params }: JSONRPCNotification): void {
    const { requestId, reason } = params ?? {}
    const id = requestId as RequestId
    // An initialize may not be cancelled.
    if (!channels.isInUse(id) || id === initializing) return
    cancel(id, typeof reason === 'string' ? reason : 'cancelled by the client')
    // The protocol answers no call that was cancelled, so its stream would stay open.
    channels.settle(id)
  }

  const transport: SessionTransport = {
    sessionId,
    channels,
    get calls() {
      return channels.calls
    },
    get versions() {
      return versions
    },
    setSupportedProtocolVersions(supported) {
      versions = supported
    },
    async start() {},
    async send(message, { relatedRequestId } = {}) {
      if (finished) throw new Error('the session has ended')
      if (isJSONRPCResultResponse(message) || isJSONRPCErrorResponse(message)) {
        if (message.id !== undefined) answer(message.id, message)
        return
      }
      const channel = channelFor(message, relatedRequestId)
      const isAsk = isJSONRPCRequest(message)
      if (isAsk && !(channel && channels.isReachable(channel)))
        throw new Error('the client has no stream open on which it could be asked')
      channel?.emit(message)
      // Not before: what is no JSON was not asked.
      if (isAsk) asks.add(message.id)
    },
    deliver(messages, extra) {
      for (const message of messages) {
        if (finished) return
        if (isJSONRPCRequest(message)) {
          const channel = channels.of(message.id)
          // Cancelled by an entry before it: the call would run in nobody's place.
          if (!channel) continue
          if (message.method === 'initialize') initializing = message.id
          const work = { channels, channel }
          working.run(work, receive, message, withStreamEnds(message.id, extra))
        } else if (isJSONRPCNotification(message)) {
          if (message.method === 'notifications/cancelled') onCancelled(message)
          else receive(message, extra)
        } else if (message.id !== undefined && asks.settle(message.id)) receive(message, extra)
      }
    },
    finish(error) {
      if (finishing) return
      finishing = true
      for (const channel of channels.live()) abandon(channel, error)
      finished = true
      asks.clear()
      channels.close()
      try {
        transport.onclose?.()
      } catch (failure) {
        onError(failure as Error)
      }
      onFinished()
    },
    async close() {
      transport.finish(ENDED)
    },
  }

  function channelFor(message: JSONRPCMessage, related?: RequestId): Channel | undefined {
    if (related !== undefined) return channels.of(related)
    const work = isJSONRPCRequest(message) ? working.getStore() : undefined
    // At work for a call of another session is not at work for this one.
    const own =
      work?.channels === channels && work.channel.pending.size > 0 ? work.channel : undefined
    return own ?? channels.standalone
  }

  /** With an event store a server may end a connection and let the client come back for the answer. */
  function withStreamEnds(id: RequestId, extra: MessageExtraInfo): MessageExtraInfo {
    if (!channels.resumable) return extra
    return {
      ...extra,
      closeSSEStream: () => channels.of(id)?.output?.end(true),
      closeStandaloneSSEStream: () => channels.standalone.output?.end(true),
    }
  }

  return transport
}
