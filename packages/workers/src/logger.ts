/** What is asked of a logger; winston fits. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): unknown
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
}

export type Log = (level: keyof Logger, message: string, fields?: Record<string, unknown>) => void

/** A log that cannot fail: a broken logger must not keep a worker from being replaced. */
export function safeLog(logger: Logger | undefined): Log {
  return function log(level, message, fields) {
    tell(() => logger?.[level](message, fields))
  }
}

/** What a listener throws is ignored. */
export function tell(call: () => unknown): void {
  try {
    const told = call()
    if (told instanceof Promise) told.catch(() => {})
  } catch {
    // There is nowhere left to tell it.
  }
}
