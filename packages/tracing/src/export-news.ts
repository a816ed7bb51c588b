import { warn } from './diagnostics.js'
import type { Logger } from './types.js'

/** Says when spans begin to be lost, and when they arrive again: one line each, not one for each batch. */
export function exportNews(logger: Logger, endpoint: string, hide: (text: string) => string) {
  let failing = false
  let full = false

  return {
    onFailure(error: unknown): void {
      if (failing) return
      failing = true
      warn(logger, 'spans cannot be exported', { endpoint, reason: hide(reasonOf(error)) })
    },
    onSuccess(): void {
      full = false
      if (!failing) return
      failing = false
      try {
        logger.info('spans are exported again', { endpoint })
      } catch {}
    },
    onFull(): void {
      if (full) return
      full = true
      warn(logger, 'spans are dropped: the queue is full', { endpoint })
    },
    onLost(spans: number): void {
      warn(logger, 'spans were lost at the end: the collector did not take them in time', {
        endpoint,
        spans,
      })
    },
  }
}

/** A network's code or an HTTP status, with what it says. Its answer's body is left out. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'no reason given'
  const { code, message } = error as { code?: unknown; message?: unknown }
  const status = typeof code === 'number' ? `HTTP ${code}` : String(code ?? '')
  return `${status} ${message ?? ''}`.trim()
}
