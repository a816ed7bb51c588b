import { Writable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import winston from 'winston'
import { contextStorage } from './context.js'
import { CALL, type Call, guard, LEVEL } from './guard.js'
import { createIsDirect } from './is-direct.js'
import { createLineWriter, type LineWriter } from './line.js'
import {
  isLevel,
  type LogLevel,
  requireFunction,
  requireLevel,
  requireName,
  requireNames,
  requireOption,
} from './options.js'
import { createRedactor } from './redact.js'
import { type ContextFields, contextEntries } from './safe.js'
import { createSink } from './sink.js'

export interface LoggerOptions {
  /** The least important level that is written; change it later through `logger.level`. @default 'info' */
  level?: LogLevel
  /** Written to each line as `service`. */
  service?: string
  /** Written to each line as `version`. */
  version?: string
  /** Where the lines go. A stdio MCP server owns stdout: give it `process.stderr`. @default process.stdout */
  stream?: Writable
  /** Further key names, or dotted paths (`user.email`), whose values are not written. */
  redact?: readonly string[]
  /**
   * Further fields, such as the ids of the active trace. Asked at the moment a line is logged, in its async context, and
   * only for lines that are written. A line's own fields win over these, and these over `addLogFields`; what it throws is
   * ignored. Up to 32 are kept.
   */
  contextFields?: ContextFields
}

/** A winston logger: transports can be added to it, children made of it. */
export interface Logger extends winston.Logger {
  /** Resolves when every line logged so far has reached the stream. Wait for it before `process.exit`. */
  flush(): Promise<void>
  /** Lines lost so far, because the stream was blocked for too long or a write failed. Only grows. */
  readonly dropped: number
}

const MESSAGE = Symbol.for('message')

/**
 * A winston logger that writes one JSON object per line. Whatever is logged can neither throw nor forge a line; it is
 * bounded in size and written without secrets. During a request seen by `requestLog` each line has its `requestId`.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` for a wrong option, and when `level` is set to an unknown one later.
 */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { level = 'info', service, version, stream = process.stdout, redact = [] } = options
  const { contextFields } = options
  requireLevel(level)
  requireName('service', service)
  requireName('version', version)
  requireOption(stream instanceof Writable, 'stream', 'a writable stream of Node', stream)
  requireNames('redact', redact)
  requireFunction('contextFields', contextFields)

  const writeLine = createLineWriter(createRedactor(redact), service, version)
  const sink = createSink(stream, (dropped) => {
    const sources = [{ dropped }]
    return `${writeLine({ timeMs: Date.now(), level: 'warn', message: 'log lines dropped', context: undefined, sources })}\n`
  })
  // What people look for may be the last that the process says.
  const put = (line: unknown, level: string) =>
    sink.write(`${line}\n`, level === 'error' || level === 'warn')
  const transport = new winston.transports.Stream({
    stream,
    log(info: winston.Logform.TransformableInfo, next: () => void) {
      put(info[MESSAGE], info.level)
      // At once, whatever the stream does: winston's own buffers have no bound.
      next()
    },
  })
  const logger = winston.createLogger({ level, transports: transport })
  logger.format = lineFormat(
    writeLine,
    contextFields,
    () => logger.transports.length === 1 && logger.transports[0] === transport,
  )
  const isDirect = createIsDirect(logger, transport)
  function writeDirectly(level: string, message: unknown, call: Call): boolean {
    if (!isDirect()) return false
    const { timeMs, context, fields, details, added } = call
    const sources = [fields, details, added, context?.fields]
    put(writeLine({ timeMs, level, message, context, sources }), level)
    return true
  }
  // A failing transport, or a line after `end()`, must not end the process.
  logger.on('error', () => {})
  guard(logger, writeDirectly, contextFields)
  Object.defineProperty(logger, 'dropped', { get: () => sink.dropped })
  return Object.assign(logger as winston.Logger & { readonly dropped: number }, {
    async flush() {
      const waits = () => logger.writableLength + logger.readableLength > 0
      // Without a transport they wait for ever.
      while (waits() && logger.transports.length > 0 && !logger.destroyed) await setTimeout(1)
      await sink.flush()
    },
  })
}

/** The only format: makes the line, and for other transports a clean copy of what is in it. */
function lineFormat(
  writeLine: LineWriter,
  contextFields: ContextFields | undefined,
  alone: () => boolean,
): winston.Logform.Format {
  return winston.format((info) => {
    const call = info[CALL] as Call | undefined
    const level = isLevel(info.level) ? info.level : 'info'
    const context = call ? call.context : contextStorage.getStore()
    const added = call ? call.added : contextEntries(contextFields)
    const line = writeLine({
      timeMs: call?.timeMs ?? Date.now(),
      level,
      message: info.message,
      context,
      sources: [call?.fields, call?.details, info, added, context?.fields],
    })
    const seen = alone() ? { level, message: info.message } : JSON.parse(line)
    return Object.assign(seen, { [LEVEL]: level, [MESSAGE]: line })
  })()
}
