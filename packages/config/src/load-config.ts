import { inspect } from 'node:util'
import type { z } from 'zod'
import { ConfigError } from './errors.js'
import { readSettings, type Setting, type Shape } from './settings.js'
import { shown } from './show.js'
import type { ConfigOptions } from './source.js'

export type Config<S extends Shape> = { readonly [Name in keyof S]: z.output<S[Name]> }

/**
 * Reads the settings that `shape` declares, each from `NAME` or from the file that `NAME_FILE` names (one newline at its
 * end is dropped). What is empty counts as unset, and its schema decides. The result is deeply frozen; turned
 * into JSON or printed as a whole it says `[set]` for each secret.
 *
 * @throws ConfigError `ERR_CONFIG_INVALID` with every fault at once, none showing a secret's value.
 * @throws TypeError `ERR_CONFIG_OPTION` when the shape itself is wrong.
 */
export function loadConfig<const S extends Shape>(
  shape: S,
  options: ConfigOptions = {},
): Config<S> {
  return configOf(readSettings(shape, options))
}

/** The configuration that settings make up. @throws ConfigError with the fault of each. */
export function configOf<S extends Shape>(settings: readonly Setting[]): Config<S> {
  const faults = settings.flatMap(({ fault }) => fault ?? [])
  if (faults.length > 0) throw new ConfigError(faults)
  const config = Object.fromEntries(settings.map(({ name, value }) => [name, value]))
  const redacted = Object.fromEntries(
    settings.map(({ name, secret, value }) => [name, printable(secret, value)]),
  )
  // A logger that is handed the whole configuration must not print its secrets.
  Object.defineProperty(config, 'toJSON', { value: () => redacted })
  Object.defineProperty(config, inspect.custom, { value: () => redacted })
  return deepFreeze(config) as Config<S>
}

function printable(secret: boolean, value: unknown): unknown {
  if (secret && value !== undefined) return '[set]'
  if (Array.isArray(value)) return value.map((item) => printable(false, item))
  return typeof value === 'string' ? shown(value, Number.POSITIVE_INFINITY) : value
}

/** Plain objects and arrays; instances of classes keep their own rules. */
function deepFreeze<T>(value: T, seen = new Set<unknown>()): T {
  if (typeof value !== 'object' || value === null || seen.has(value)) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (!Array.isArray(value) && prototype !== Object.prototype && prototype !== null) return value
  seen.add(value)
  for (const part of Object.values(value)) deepFreeze(part, seen)
  return Object.freeze(value)
}
