/** Milliseconds for which lines may be held back, to be written together. */
const PAUSE_MS = 10

/** What ends the pauses that last; the process may end before they do. */
const lasting = new Set<() => void>()
let listens = false
let exits = false

/** A time in which a sink writes nothing. There is none any more once the process exits. */
export interface Pause {
  readonly lasts: boolean
  begin(): void
}

/** @param onEnd may begin the next one. */
export function createPause(onEnd: () => void): Pause {
  let lasts = false
  endAllAtExit()

  function end(): void {
    lasting.delete(end)
    lasts = false
    onEnd()
  }

  return {
    get lasts() {
      return lasts
    },
    begin() {
      if (lasts || exits) return
      lasts = true
      lasting.add(end)
      setTimeout(end, PAUSE_MS)
    },
  }
}

function endAllAtExit(): void {
  if (listens) return
  listens = true
  process.on('exit', () => {
    exits = true
    for (const end of lasting) end()
  })
}
