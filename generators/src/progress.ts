import type { WriteStream } from 'node:tty'

export interface Progress {
  /** Runs a step and prints its line: name, what `work` says of itself, seconds. */
  step(name: string, work: () => Promise<string>): Promise<void>
  say(text: string): void
}

/** Lines as steps end; in a terminal the running step is shown with its seconds. Colour unless NO_COLOR is set. */
export function progressTo(out: NodeJS.WritableStream & Partial<WriteStream>): Progress {
  const isTerminal = out.isTTY === true && process.env.TERM !== 'dumb'
  const hasColor = isTerminal && !process.env.NO_COLOR && out.hasColors?.() === true
  const bold = (text: string) => (hasColor ? `\x1b[1m${text}\x1b[22m` : text)
  const line = (name: string, detail: string, started: number) =>
    `  ${bold(name.padEnd(8))} ${detail.padEnd(36)} ${((performance.now() - started) / 1000).toFixed(1)} s`

  async function step(name: string, work: () => Promise<string>): Promise<void> {
    const started = performance.now()
    const show = () => out.write(`\r\x1b[2K${line(name, '...', started)}`)
    const timer = isTerminal ? setInterval(show, 1000) : undefined
    if (isTerminal) show()
    try {
      const detail = await work()
      out.write(`${isTerminal ? '\r\x1b[2K' : ''}${line(name, detail, started)}\n`)
    } catch (error) {
      if (isTerminal) out.write('\r\x1b[2K')
      throw error
    } finally {
      clearInterval(timer)
    }
  }

  return { step, say: (text) => void out.write(`${text}\n`) }
}
