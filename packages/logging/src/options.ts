import winston from 'winston'

export type LogLevel = 'error' | 'warn' | 'info' | 'http' | 'verbose' | 'debug' | 'silly'

const { levels } = winston.config.npm
export const LEVELS = Object.keys(levels)

export function isLevel(value: unknown): value is LogLevel {
  return typeof value === 'string' && Object.hasOwn(levels, value)
}

/** Throws at creation, so that a wrong option stops the start and not the first line. */
export function requireOption(
  holds: boolean,
  option: string,
  requirement: string,
  value: unknown,
): void {
  if (holds) return
  const got = typeof value === 'string' ? JSON.stringify(value) : String(value)
  const error = new TypeError(`@mcp-prod/logging: ${option} must be ${requirement}, got ${got}`)
  throw Object.assign(error, { code: 'ERR_LOGGING_OPTION' })
}

export function requireLevel(level: unknown): void {
  requireOption(isLevel(level), 'level', `one of ${LEVELS.join(', ')}`, level)
}

export function requireName(option: string, value: unknown): void {
  const holds = value === undefined || (typeof value === 'string' && value !== '')
  requireOption(holds, option, 'a text that is not empty', value)
}

export function requireFunction(option: string, value: unknown): void {
  requireOption(value === undefined || typeof value === 'function', option, 'a function', value)
}

export function requireNames(option: string, value: unknown): void {
  const isName = (name: unknown) => typeof name === 'string' && /[\p{L}\p{N}]/u.test(name)
  requireOption(
    Array.isArray(value) && value.every(isName),
    option,
    'a list of key names or dotted paths',
    value,
  )
}
