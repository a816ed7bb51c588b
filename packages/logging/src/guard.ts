import winston from 'winston'
import { contextStorage, type RequestContext } from './context.js'
import { isLevel, requireLevel } from './options.js'
import { type ContextFields, contextEntries, copyOf, readSafely } from './safe.js'

/** What was known when a line was logged: winston may write it later, outside of the request. */
export interface Call {
  timeMs: number
  context: RequestContext | undefined
  fields: unknown
  /** The message, where it is an object: its members are fields too. */
  details: unknown
  /** What `contextFields` said at that moment. */
  added: object | undefined
}

/** Writes a line past winston's streams, where they would change nothing; false where they are needed. */
export type WriteDirectly = (level: string, message: unknown, call: Call) => boolean

/** Winston's name for the level that its transports look at. */
export const LEVEL = Symbol.for('level')
export const CALL = Symbol('call')

const MAX_CHILD_FIELDS = 100

type This = winston.Logger | undefined

/**
 * Puts its own methods before winston's, which copy the fields unguarded (a throwing getter throws into the
 * request), format lines that no transport wants, and take a level that does not exist.
 */
export function guard(
  logger: winston.Logger,
  writeDirectly: WriteDirectly,
  contextFields?: ContextFields,
): void {
  function log(this: This, level: unknown, message?: unknown, fields?: unknown): winston.Logger {
    const self = this ?? logger
    if (typeof level === 'object' && level !== null)
      return log.call(self, readSafely(level, 'level'), level)
    const known = isLevel(level) ? level : 'info'
    if (!self.isLevelEnabled(known)) return self
    const isObject = typeof message === 'object' && message !== null
    const call: Call = {
      timeMs: Date.now(),
      context: contextStorage.getStore(),
      fields,
      details: isObject ? message : undefined,
      added: contextEntries(contextFields),
    }
    const text = isObject ? readSafely(message, 'message') : message
    try {
      // A child's `write` adds its fields.
      if (self === logger && writeDirectly(known, text, call)) return self
      self.write({ level: known, message: text, [LEVEL]: known, [CALL]: call })
    } catch {
      // Only another transport throws here, and whoever logs cannot help it.
    }
    return self
  }

  function child(this: This, defaults: object): winston.Logger {
    // Read once here: winston copies them for each line.
    const copy = copyOf(defaults, MAX_CHILD_FIELDS)
    return winston.Logger.prototype.child.call(this ?? logger, copy)
  }

  for (const name of Object.keys(logger.levels)) {
    const method = function (this: This, message: unknown, fields?: unknown) {
      return log.call(this, name, message, fields)
    }
    Object.assign(logger, { [name]: method })
  }
  let { level } = logger
  Object.assign(logger, { log, child })
  Object.defineProperty(logger, 'level', {
    get: () => level,
    set(value) {
      requireLevel(value)
      level = value
    },
  })
}
