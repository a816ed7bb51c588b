import { writeSync } from 'node:fs'

/** Where errors are told in full. */
export interface Logger {
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

let complained = false

/**
 * Runs a function of the user's, such as a line of the logger. What it throws or rejects with goes nowhere else: told
 * as one more error it would come back here for ever. That there was something is said on stderr, once a process.
 */
export function guarded(run: () => unknown): void {
  try {
    Promise.resolve(run()).catch(complain)
  } catch {
    complain()
  }
}

/** Without the error: only a logger knows what to hide in it. */
function complain(): void {
  if (complained) return
  complained = true
  const message = '@mcp-prod/recovery: the logger or a hook failed; its lines may be missing'
  const line = JSON.stringify({ time: new Date().toISOString(), level: 'error', message })
  try {
    writeSync(2, `${line}\n`)
  } catch {
    // Closed as well.
  }
}
