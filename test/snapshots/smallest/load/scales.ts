/** Where values of an axis lie, from 0 to 1, and which of them are labelled. */
export interface Scale {
  at(value: number): number
  ticks: number[]
}

/** By doublings, as the ramp goes. */
export function doublings(values: readonly number[]): Scale {
  const last = Math.max(1, Math.ceil(Math.log2(Math.max(2, ...values))))
  const every = Math.ceil((last + 1) / 9)
  const ticks = Array.from({ length: last + 1 }, (_, power) => 2 ** power)
  return {
    at: (value) => Math.log2(value) / last,
    ticks: ticks.filter((_, power) => power % every === 0),
  }
}

/** From zero, in round steps. */
export function linear(values: readonly number[]): Scale {
  const highest = Math.max(1, ...values)
  const rough = highest / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 2.5, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough
  const count = Math.ceil(highest / step)
  return {
    at: (value) => value / (count * step),
    ticks: Array.from({ length: count + 1 }, (_, index) => index * step),
  }
}

/** By powers of ten, since the slowest calls take a hundred times as long as most. */
export function logarithmic(values: readonly number[]): Scale {
  const positive = values.filter((value) => value > 0)
  const low = Math.floor(Math.log10(Math.min(1_000, ...positive)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(0.01, ...positive))))
  return {
    at: (value) => Math.max(0, (Math.log10(Math.max(value, 10 ** low)) - low) / (high - low)),
    ticks: Array.from({ length: high - low + 1 }, (_, index) => 10 ** (low + index)),
  }
}
