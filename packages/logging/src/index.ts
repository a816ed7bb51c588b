export { addLogFields, currentRequestId, requestIdOf } from './context.js'
export { createLogger, type Logger, type LoggerOptions } from './logger.js'
export type { LogLevel } from './options.js'
export { type RequestLogger, type RequestLogOptions, requestLog } from './request-log.js'
