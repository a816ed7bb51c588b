type Side = 'reader' | 'sender'

/** Whether both sides of a link work. It tells of a change once, and of nothing before the first outcome. */
export function linkState(onChange: (away: boolean, reason?: string) => void) {
  const failures = new Map<Side, string>()
  let since: number | undefined = Date.now()
  let isKnown = false
  let end = () => {}
  const known = new Promise<void>((resolve) => {
    end = resolve
  })

  const reason = () => [...failures.values()][0] ?? (isKnown ? undefined : 'not connected yet')

  return {
    /** @param failure why this side does not work; nothing when it does */
    set(side: Side, failure?: string): void {
      const wasAway = isKnown && since !== undefined
      if (failure === undefined) failures.delete(side)
      else failures.set(side, failure)
      // What was sent says nothing yet of what is heard.
      isKnown ||= side === 'reader'
      if (!isKnown) return
      end()
      const isAway = failures.size > 0
      if (!isAway) since = undefined
      else since ??= Date.now()
      if (isAway !== wasAway) onChange(isAway, isAway ? reason() : undefined)
    },
    reason,
    /** Resolves with the first outcome of the reader, and with the end. */
    known,
    end,
    state: () => ({ connected: since === undefined, ...(since !== undefined && { since }) }),
  }
}
