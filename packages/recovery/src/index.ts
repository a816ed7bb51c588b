export {
  handleProcessErrors,
  type ProcessErrorKind,
  type ProcessErrorsOptions,
} from './process-errors.js'
export { type Logger, notFound, type RecoverOptions, recover } from './recover.js'
