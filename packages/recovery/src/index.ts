export type { Logger } from './logger.js'
export { type MaskErrorsOptions, maskErrors } from './mask-errors.js'
export { type NotFoundOptions, notFound } from './not-found.js'
export {
  handleProcessErrors,
  type ProcessErrorKind,
  type ProcessErrorsOptions,
} from './process-errors.js'
export { type RecoverOptions, recover } from './recover.js'
export { type WatchEventLoopOptions, watchEventLoop } from './watch-event-loop.js'
