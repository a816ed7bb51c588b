import winston from 'winston'
import { isLevel, type LogLevel, requireOption } from './options.js'

/** What is needed of a logger to change its level: that of `createLogger` has it, as any of winston's. */
export interface LeveledLogger {
  level: string
  warn(message: string, fields?: Record<string, unknown>): unknown
}

/** A level that goes back by itself. */
export interface TemporaryLevel {
  /** Sets the level for some seconds; that which was configured stays from now on. */
  set(level: LogLevel, seconds: number): void
  /** Goes back now. */
  end(): void
  /** The level now, and, when it is temporary, for how many seconds more, and which comes then. */
  state(): { level: string; seconds?: number; after?: string }
}

const { levels } = winston.config.npm
// One for each logger: what the endpoint began the signal can end, and none takes the other's level for the configured.
const known = new WeakMap<object, TemporaryLevel>()

/** @throws TypeError `ERR_LOGGING_OPTION` when there is no level or no `warn`. */
export function temporaryLevel(logger: LeveledLogger): TemporaryLevel {
  const isLogger = typeof logger?.warn === 'function' && isLevel(logger.level)
  requireOption(isLogger, 'logger', 'a logger with a level and `warn`', logger)
  const found = known.get(logger) ?? create(logger)
  known.set(logger, found)
  return found
}

function create(logger: LeveledLogger): TemporaryLevel {
  let running: { timer: NodeJS.Timeout; level: string; after: string; endsAt: number } | undefined

  function change(level: string, message: string, fields: Record<string, unknown>): void {
    const before = logger.level
    const tell = () => logger.warn(message, { newLevel: level, oldLevel: before, ...fields })
    // While the more talkative of the two is set, or a change to `error` would hide the line about it.
    const louder = rank(level) >= rank(before)
    if (!louder) tell()
    logger.level = level
    if (louder) tell()
  }

  function end(): void {
    if (!running) return
    const { timer, level, after } = running
    clearTimeout(timer)
    running = undefined
    // Whoever set another level meanwhile wants that one.
    if (logger.level === level) change(after, 'log level is back', {})
  }

  return {
    set(level, seconds) {
      const isOurs = running !== undefined && logger.level === running.level
      const after = isOurs && running ? running.after : logger.level
      clearTimeout(running?.timer)
      running = undefined
      if (level === after) {
        change(level, 'log level is back', {})
        return
      }
      change(level, 'log level changed for a time', { seconds, after })
      const timer = setTimeout(end, seconds * 1000).unref()
      running = { timer, level, after, endsAt: performance.now() + seconds * 1000 }
    },
    end,
    state() {
      if (running?.level !== logger.level) return { level: logger.level }
      const seconds = Math.max(0, Math.ceil((running.endsAt - performance.now()) / 1000))
      return { level: running.level, seconds, after: running.after }
    },
  }
}

function rank(level: string): number {
  return isLevel(level) ? (levels[level] ?? 0) : 0
}
