import { expect } from 'vitest'
import { ask } from './ask.js'
import type { FaultServer, LogLine } from './server.js'

/** What /health says, which is 200 for as long as the process can answer. */
export async function healthOf({ adminUrl }: Pick<FaultServer, 'adminUrl'>) {
  const { status, text } = await ask(`${adminUrl}/health`)
  expect(status).toBe(200)
  return JSON.parse(text) as { status: string; checks?: Record<string, { status: string }> }
}

/** No fault may look like one of the server's own: nothing at `error`, nothing on stderr, and no key anywhere. */
export function expectCleanLog(
  { lines, stderr, key }: FaultServer,
  isExpected: (line: LogLine) => boolean = () => false,
): void {
  expect(lines.filter((line) => line.level === 'error' && !isExpected(line))).toEqual([])
  // From its watchdog, where the processors have too much to do: told, and no fault.
  const said = stderr()
    .split('\n')
    .filter((line) => !line.includes('"event loop blocked"'))
  expect(said.join('\n')).toBe('')
  expect(holds(lines, key.slice(-20)), 'the key is in the log').toBe(false)
}

/** Whether a text is anywhere in a log. Not by a matcher, which would print all of it. */
export function holds(lines: readonly LogLine[], text: string): boolean {
  return lines.some((line) => JSON.stringify(line).includes(text))
}
