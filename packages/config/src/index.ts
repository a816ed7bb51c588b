export {
  availableCpus,
  type ContainerLimits,
  type ContainerLimitsOptions,
  containerLimits,
} from './container-limits.js'
export { ConfigError, type Fault } from './errors.js'
export type { Field, FieldOptions } from './field.js'
export { type Config, loadConfig } from './load-config.js'
export {
  type ByteSize,
  byteSize,
  type Duration,
  duration,
  integer,
  port,
  type RangeOptions,
} from './numbers.js'
export { parsed } from './parsed.js'
export { printConfig } from './print-config.js'
export { secret } from './secret.js'
export type { Shape } from './settings.js'
export type { ConfigOptions } from './source.js'
export { type ConfigWatch, type WatchOptions, watchConfig } from './watch-config.js'
export { choice, flag, list, text, type UrlOptions, url } from './words.js'
