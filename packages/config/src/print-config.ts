import { inspect } from 'node:util'
import { defaultTextOf } from './field.js'
import { readSettings, type Setting, type Shape } from './settings.js'
import { shown } from './show.js'
import type { ConfigOptions } from './source.js'

const LONGEST_VALUE = 200

/**
 * One line `NAME=value (origin)` for each setting, to see what a server would run with. Secrets are `[set]` or
 * `[not set]`, credentials in URLs are hidden, faults are told in place. Throws for no value.
 *
 * @throws TypeError `ERR_CONFIG_OPTION` when the shape itself is wrong.
 */
export function printConfig(shape: Shape, options: ConfigOptions = {}): string {
  return readSettings(shape, options)
    .map((setting) => `${setting.name}=${textOf(setting)} (${originOf(setting)})`)
    .join('\n')
}

function textOf(setting: Setting): string {
  const { secret, fault, text, value, schema } = setting
  if (fault) return text === undefined ? '[not set]' : '[not valid]'
  if (text === undefined && value === undefined) return '[not set]'
  if (secret) return '[set]'
  // Each on its own: hiding credentials in the whole line would hide its neighbours.
  if (Array.isArray(value)) return value.map((item) => shown(plain(item), LONGEST_VALUE)).join(',')
  return shown(text ?? defaultTextOf(schema) ?? plain(value), LONGEST_VALUE)
}

function plain(value: unknown): string {
  return typeof value === 'string'
    ? value
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY })
}

function originOf({ fault, origin, file, value }: Setting): string {
  if (fault) return `fault: ${fault.problem}`
  if (origin === 'environment') return 'environment'
  if (origin === 'file') return `file ${file}`
  return value === undefined ? 'optional' : 'default'
}
