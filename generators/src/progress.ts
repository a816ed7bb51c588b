import type { WriteStream } from 'node:tty'

export interface Progress {
  /** Runs a step and prints its line: name, what `work` says of itself, seconds. */
  step(name: string, work: () => Promise<string>): Promise<void>
  say(text: string): void
}

const eraseLine = '\r\x1b[2K'

/** Lines as steps end; in a terminal the running step is shown with its seconds. Colour unless NO_COLOR is set. */
export function progressTo(out: NodeJS.WritableStream & Partial<WriteStream>): Progress {
  const isTerminal = out.isTTY === true && process.env.TERM !== 'dumb'
  const hasColor = isTerminal && !process.env.NO_COLOR && out.hasColors?.() === true
  const bold = (text: string) => (hasColor ? `\x1b[1m${text}\x1b[22m` : text)
  /** Shows the running step again, after something else was written over it. */
  let showRunning: (() => void) | undefined

  async function step(name: string, work: () => Promise<string>): Promise<void> {
    const started = performance.now()
    const seconds = () => (performance.now() - started) / 1000
    const show = () => {
      // So short that it fits into any window: of a line that wraps, only the last row could be erased.
      const running = `  ${name.padEnd(8)} ... ${seconds().toFixed(0)} s`
      out.write(`${eraseLine}${running.slice(0, Math.max(1, (out.columns ?? 80) - 1))}`)
    }
    const timer = isTerminal ? setInterval(show, 1000) : undefined
    if (isTerminal) showRunning = show
    showRunning?.()
    try {
      const detail = await work()
      const time = `${seconds().toFixed(1)} s`
      // In columns where there is room for them.
      const wide = (out.columns ?? 80) > 55
      const line = `  ${bold(name.padEnd(8))} ${wide ? detail.padEnd(36) : detail} ${time}`
      out.write(`${isTerminal ? eraseLine : ''}${line}\n`)
    } catch (error) {
      if (isTerminal) out.write(eraseLine)
      throw error
    } finally {
      clearInterval(timer)
      showRunning = undefined
    }
  }

  function say(text: string): void {
    out.write(`${showRunning ? eraseLine : ''}${text}\n`)
    showRunning?.()
  }

  return { step, say }
}
