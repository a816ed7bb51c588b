import { TraceFlags } from '@opentelemetry/api'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { Tally } from './tally.js'

export interface BoundedProcessor extends SpanProcessor {
  /** Takes no more: spans that end from now on count as dropped. */
  stop(): void
}

/**
 * Stands before the batch processor, which would drop what exceeds its queue without a word: here it is counted. What the
 * processor throws ends here too, for it is called as spans end, on the request's way.
 */
export function boundedProcessor(
  inner: SpanProcessor,
  maxQueueSize: number,
  counts: Tally,
  onFull: () => void,
): BoundedProcessor {
  let stopped = false
  return {
    onStart() {
      // The batch processor does nothing then.
    },
    onEnd(span) {
      if (!(span.spanContext().traceFlags & TraceFlags.SAMPLED)) return
      if (stopped || counts.queued >= maxQueueSize) {
        counts.dropped++
        if (!stopped) onFull()
        return
      }
      counts.queued++
      try {
        inner.onEnd(span)
      } catch {
        counts.queued--
        counts.dropped++
      }
    },
    stop() {
      stopped = true
    },
    forceFlush: () => inner.forceFlush(),
    shutdown: () => inner.shutdown(),
  }
}
