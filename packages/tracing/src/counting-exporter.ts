import type { SpanExporter } from '@opentelemetry/sdk-trace-node'
import type { Tally } from './tally.js'

type Export = SpanExporter['export']

/** `ExportResultCode.SUCCESS` of OpenTelemetry's core. */
const SUCCESS = 0
/** The SDK's exporter refuses more than 30 batches at once, and closing hands it all there are. */
const MAX_AT_ONCE = 8

export interface ExportWatch {
  /** Milliseconds after which a batch counts as lost, whatever becomes of it. */
  timeoutMs: number
  counts: Tally
  onSuccess(): void
  onFailure(error: unknown): void
}

/**
 * Counts what became of each batch, once. A failure is told here and not to the batch processor, which would log each one
 * of them; nor does it wait longer than `timeoutMs`, however slowly a collector answers.
 */
export function countingExporter(inner: SpanExporter, watch: ExportWatch): SpanExporter {
  const { timeoutMs, counts, onSuccess, onFailure } = watch
  const enter = turnstile(MAX_AT_ONCE)

  function exportSpans(...[spans, done]: Parameters<Export>): void {
    counts.queued -= spans.length
    counts.inFlight += spans.length
    let isOver = false
    let leave = () => {}
    function settle(failure?: { error: unknown }): void {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      leave()
      // When closing has given it up already, it was counted then.
      if (!counts.isClosed) {
        counts.inFlight -= spans.length
        counts[failure ? 'failed' : 'exported'] += spans.length
        if (failure) onFailure(failure.error)
        else onSuccess()
      }
      done({ code: SUCCESS })
    }
    const timer = setTimeout(settle, timeoutMs, { error: new Error('no answer in time') }).unref()
    enter((left) => {
      leave = left
      if (isOver) return left()
      try {
        inner.export(spans, ({ code, error }) => settle(code === SUCCESS ? undefined : { error }))
      } catch (error) {
        settle({ error })
      }
    })
  }

  return {
    export: exportSpans,
    forceFlush: async () => inner.forceFlush?.(),
    shutdown: () => inner.shutdown(),
  }
}

/** Lets so many in at once, first come first served. */
function turnstile(places: number) {
  const waiting: (() => void)[] = []
  let free = places

  return function enter(work: (leave: () => void) => void): void {
    function leave(): void {
      free++
      waiting.shift()?.()
    }
    // Turning a batch into JSON takes milliseconds, and the request whose span filled it should not pay for them.
    const begin = () => {
      free--
      setImmediate(work, leave)
    }
    if (free > 0) begin()
    else waiting.push(begin)
  }
}
