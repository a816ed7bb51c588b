interface Audience {
  listeners: Set<() => void>
  tellAll: () => void
}

const audiences = new WeakMap<AbortSignal, Audience>()

/**
 * Calls `listener` when the signal aborts, and gives what takes that back. However many calls listen, the signal has one
 * listener of ours: Node 20 warns of a leak at eleven, and a batch's or a shutdown's signal is shared by many more.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const audience = audiences.get(signal) ?? gather(signal)
  audience.listeners.add(listener)
  return () => {
    if (!audience.listeners.delete(listener) || audience.listeners.size > 0) return
    audiences.delete(signal)
    signal.removeEventListener('abort', audience.tellAll)
  }
}

function gather(signal: AbortSignal): Audience {
  const listeners = new Set<() => void>()
  const tellAll = () => {
    audiences.delete(signal)
    for (const listener of [...listeners]) listener()
  }
  const audience = { listeners, tellAll }
  audiences.set(signal, audience)
  signal.addEventListener('abort', tellAll, { once: true })
  return audience
}
