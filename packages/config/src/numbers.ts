import { wrongOption } from './errors.js'
import { type Field, type FieldOptions, field } from './field.js'

export interface RangeOptions<Amount> extends FieldOptions<Amount> {
  /** Least value accepted. */
  min?: Amount
  /** Greatest value accepted. */
  max?: Amount
}

export type Duration = `${number}${'ms' | 's' | 'm' | 'h'}`
export type ByteSize = `${number}${'B' | 'KB' | 'MB' | 'GB' | 'KiB' | 'MiB' | 'GiB'}`

/** What the units of a builder stand for, the first one for 1. */
interface Scale {
  builder: string
  units: Record<string, number>
  greatest: number
}

const DURATION: Scale = {
  builder: 'duration',
  units: { ms: 1, s: 1000, m: 60_000, h: 3_600_000 },
  // Node's timers fire at once when given more.
  greatest: 2 ** 31 - 1,
}
const BYTE_SIZE: Scale = {
  builder: 'byteSize',
  units: { B: 1, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 },
  greatest: Number.MAX_SAFE_INTEGER,
}

/** A whole number in decimal digits; any safe integer unless bounded. */
export function integer<const O extends RangeOptions<number>>(
  options: O = {} as O,
): Field<number, O> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options
  return wholeNumber('integer', min, max, options)
}

/** A TCP port from 0 to 65535; 0 lets the system choose. */
export function port<const O extends FieldOptions<number>>(options: O = {} as O): Field<number, O> {
  return wholeNumber('port', 0, 65_535, options)
}

/**
 * A time such as `250ms`, `5s`, `2m` or `1h`, returned in milliseconds. A number without a unit is refused.
 * From 0 to 2147483647 ms, the longest time of Node's timers, unless bounded otherwise.
 */
export function duration<const O extends RangeOptions<Duration>>(
  options: O = {} as O,
): Field<number, O> {
  return amount(DURATION, options)
}

/** A size such as `512KiB`, `4MiB` or `1GB`, returned in bytes. A number without a unit is refused. */
export function byteSize<const O extends RangeOptions<ByteSize>>(
  options: O = {} as O,
): Field<number, O> {
  return amount(BYTE_SIZE, options)
}

function wholeNumber<O extends FieldOptions<number>>(
  builder: string,
  min: number,
  max: number,
  options: O,
) {
  if (!(Number.isSafeInteger(min) && Number.isSafeInteger(max) && min <= max)) {
    throw wrongOption(`${builder} needs whole numbers min <= max, got ${min} and ${max}`)
  }
  const expected = `a whole number from ${min} to ${max}`
  const read = (given: string) => {
    // Number() alone would also take 0x10, 1e3, " 8 " and the empty text.
    const value = /^(?:0|-?[1-9]\d*)$/.test(given) ? Number(given) : Number.NaN
    return Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined
  }
  return field<number, number, O>({ builder, expected, read }, options)
}

function amount<O extends RangeOptions<string>>(scale: Scale, options: O): Field<number, O> {
  const { builder, units, greatest } = scale
  const names = Object.keys(units)
  const { min = `0${names[0]}`, max = `${greatest}${names[0]}` } = options
  const parse = (given: string) => {
    const [, digits, unit = ''] = /^(0|[1-9]\d{0,15})([A-Za-z]+)$/.exec(given) ?? []
    return Number(digits) * (Object.hasOwn(units, unit) ? (units[unit] ?? 0) : Number.NaN)
  }
  const [least, most] = [parse(min), parse(max)]
  if (!(least <= most && most <= Number.MAX_SAFE_INTEGER)) {
    throw wrongOption(
      `${builder} needs min <= max with units ${names.join(', ')}, got "${min}" and "${max}"`,
    )
  }
  const read = (given: string) => {
    const value = parse(given)
    return value >= least && value <= most ? value : undefined
  }
  const hint = (given: string) =>
    /^\d+$/.test(given)
      ? `add a unit, such as ${given}${names[0]} or ${given}${names[1]}`
      : undefined
  const expected = `a whole number with a unit (${names.join(', ')}) from ${min} to ${max}`
  return field<number, string, O>({ builder, expected, read, hint }, options)
}
