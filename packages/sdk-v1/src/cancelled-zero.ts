import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js'
import type { AnyExtra } from './request-info.js'

/** Cancels the requests that the SDK forgets: it takes an id of `0` or `''` for none, so that such a call would run on for nobody. */
export interface CancelledZero {
  /** Hears each message that comes in. */
  hear(message: JSONRPCMessage): void
  /** The request's `extra`, with a signal that aborts also then. */
  heard(extra: AnyExtra): AnyExtra
}

export function cancelledZero(): CancelledZero {
  const running = new Map<RequestId, AbortController>()
  return {
    hear(message) {
      if (!('method' in message) || message.method !== 'notifications/cancelled') return
      const id = message.params?.requestId as RequestId | undefined
      if (id === 0 || id === '') running.get(id)?.abort()
    },
    heard(extra) {
      if (extra.requestId !== 0 && extra.requestId !== '') return extra
      const controller = new AbortController()
      running.set(extra.requestId, controller)
      return { ...extra, signal: AbortSignal.any([extra.signal, controller.signal]) }
    },
  }
}
