import type { RequestId } from '@modelcontextprotocol/server'

/** What the server has asked the client and waits for, each within its time. */
export function pendingAsks(timeoutMs: number, onTimeout: (id: RequestId) => void) {
  const asks = new Map<RequestId, NodeJS.Timeout>()

  return {
    add(id: RequestId): void {
      clearTimeout(asks.get(id))
      const timer = setTimeout(() => {
        asks.delete(id)
        onTimeout(id)
      }, timeoutMs)
      asks.set(id, timer.unref())
    },
    /** Whether an answer was waited for; it is from now on no more. */
    settle(id: RequestId): boolean {
      clearTimeout(asks.get(id))
      return asks.delete(id)
    },
    clear(): void {
      for (const timer of asks.values()) clearTimeout(timer)
      asks.clear()
    },
  }
}
