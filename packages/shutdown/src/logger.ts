/** What is asked of a logger; winston fits. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): unknown
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

export type Log = (level: keyof Logger, message: string, fields?: Record<string, unknown>) => void

/** A log that cannot fail: a broken logger must not keep the process from ending. */
export function safeLog(logger: Logger | undefined): Log {
  return function log(level, message, fields) {
    try {
      const written = logger?.[level](message, fields)
      if (written instanceof Promise) written.catch(() => {})
    } catch {
      // There is nowhere left to tell it.
    }
  }
}

/** The text of anything thrown, stack included where there is one. */
export function textOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.stack) : String(error)
  } catch {
    return 'an error that cannot be shown'
  }
}
