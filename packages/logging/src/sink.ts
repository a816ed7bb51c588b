import type { Writable } from 'node:stream'
import { createPause } from './pause.js'
import { fileOf, writeWhole } from './whole-writes.js'

/** Characters held back while the stream takes none: about 20,000 usual lines. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024
/** Characters written together: what Linux puts into a pipe in one piece, so that no line of stderr falls into the middle. */
const TOGETHER_CHARS = 4000

/** Lines on their way into a stream. */
export interface Sink {
  /**
   * Takes a line with its newline. Never throws, never blocks; drops the line when too many wait already. A line that comes
   * alone is written at once; those of each ten milliseconds after it are written together, since a write wakes its reader,
   * which costs more than a line. With `now` this one and those before it are written at once.
   */
  write(line: string, now?: boolean): void
  /** Resolves when every line taken so far has reached the stream, or can never reach it. */
  flush(): Promise<void>
  /** Lines lost so far: too many waited, or a write failed. Only grows. */
  readonly dropped: number
}

const guarded = new WeakSet<Writable>()
/** Where a write failed, on a full disk perhaps: such a file may end in the middle of a line, of whatever sink. */
const torn = new WeakSet<Writable>()

/**
 * Writes lines to a stream that may be slow, blocked or broken. While it is blocked lines wait here, within a
 * bound, because a stream's own buffer has none.
 *
 * @param droppedLine makes the line that says how many were lost, written as soon as the stream takes lines again.
 */
export function createSink(stream: Writable, droppedLine: (count: number) => string): Sink {
  let waiting = ''
  let waitingLines = 0
  /** Lost and not yet told in the stream; and lost at all. */
  let dropped = 0
  let droppedEver = 0
  let blocked = false
  /** Lines taken, and lines the stream is done with: it finishes them in order. */
  let taken = 0
  let done = 0
  const flushes: { upTo: number; resolve: () => void }[] = []
  const pause = createPause(endPause)
  const file = fileOf(stream)
  const { write } = Object.getPrototypeOf(stream)
  guard(stream)

  /** @param lost how many the chunk says were dropped before it: again to be told, if it is lost itself. */
  function hand(chunk: string, lines: number, lost = 0): void {
    const failed = (missing = lines, untold = lost) => {
      drop(missing)
      dropped += untold
      torn.add(stream)
    }
    const text = torn.delete(stream) ? `\n${chunk}` : chunk
    // Who put another `write` there wants to see what is written.
    if (file !== undefined && stream.write === write) {
      const missing = writeWhole(file, text)
      // The last one tells of those lost before. A torn stream has one more, empty one.
      const ofLog = Math.max((missing ?? 0) - (lost > 0 ? 1 : 0), 0)
      if (missing !== undefined) failed(Math.min(ofLog, lines), missing > 0 ? lost : 0)
      settle(lines)
      return
    }
    try {
      const full = !stream.write(text, (error) => {
        if (error) failed()
        settle(lines)
      })
      blocked = full && unfinished()
    } catch {
      failed()
      settle(lines)
    }
  }

  function drop(lines: number): void {
    dropped += lines
    droppedEver += lines
  }

  /** What was lost, told as soon as there is hope that it arrives. */
  function takeDropped(): { line: string; lost: number } {
    const lost = dropped
    dropped = 0
    return { line: lost > 0 ? droppedLine(lost) : '', lost }
  }

  const unfinished = () => done + waitingLines < taken

  function settle(lines: number): void {
    done += lines
    while (flushes[0] && flushes[0].upTo <= done) flushes.shift()?.resolve()
    if (!blocked || unfinished()) return
    blocked = false
    handWaiting()
  }

  function endPause(): void {
    if (blocked || waitingLines === 0) return
    handWaiting()
    pause.begin()
  }

  function handWaiting(): void {
    if (waitingLines === 0) return
    const { line, lost } = takeDropped()
    const [chunk, lines] = [waiting + line, waitingLines]
    waiting = ''
    waitingLines = 0
    hand(chunk, lines, lost)
  }

  return {
    write(line, now = false) {
      if (stream.destroyed) {
        drop(waitingLines + 1)
        waiting = ''
        waitingLines = 0
        return
      }
      if (!blocked && waiting.length + line.length > TOGETHER_CHARS) handWaiting()
      if (waiting.length + line.length > MAX_WAITING_CHARS) return drop(1)
      taken++
      waiting += line
      waitingLines++
      if (blocked || (pause.lasts && !now)) return
      pause.begin()
      handWaiting()
    },
    get dropped() {
      return droppedEver
    },
    flush() {
      if (!blocked) handWaiting()
      if (done >= taken || stream.destroyed) return Promise.resolve()
      return new Promise((resolve) => {
        // A stream that is destroyed forgets the write under way.
        stream.once('close', resolve)
        const reached = () => {
          stream.off('close', resolve)
          resolve()
        }
        flushes.push({ upTo: taken, resolve: reached })
      })
    },
  }
}

/** A reader that went away (EPIPE) must not end the process: lines are lost, requests are not. */
function guard(stream: Writable): void {
  if (guarded.has(stream)) return
  guarded.add(stream)
  stream.on('error', () => {})
}
