import { ConfigError } from '@mcp-prod/config'

/** What `read` gives, or the faults on stderr and the end of the process. */
export function orExit<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}

/** What `open` makes of a setting, or a fault of that setting like those of all others. */
export function orFault<T>(nameOf: (problem: string) => string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    const problem = (error as Error).message.replace(/^@mcp-prod\/[a-z]+: /, '')
    const name = nameOf(problem)
    throw new ConfigError([{ name, problem, remedy: 'mend it, or leave it out' }])
  }
}
