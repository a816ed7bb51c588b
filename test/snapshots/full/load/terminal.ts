/** Lines that stay, and in a terminal one below them that is written again in place. */
export function createTerminal(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv) {
  const isLive = stream.isTTY === true && env.TERM !== 'dumb'
  const hasColour = isLive && !env.NO_COLOR
  const clear = '\r\x1b[K'

  return {
    print(text: string): void {
      stream.write(`${isLive ? clear : ''}${text}\n`)
    },
    /** Shown in a terminal only, until the next of either. */
    progress(text: string): void {
      if (isLive) stream.write(clear + text.slice(0, (stream.columns || 80) - 1))
    },
    bad: (text: string) => (hasColour ? `\x1b[31m${text}\x1b[0m` : text),
    strong: (text: string) => (hasColour ? `\x1b[1m${text}\x1b[0m` : text),
  }
}

export type Terminal = ReturnType<typeof createTerminal>
