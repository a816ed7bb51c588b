export interface Trend {
  /** What a sample is above the one before, by least squares. */
  slope: number
  /** Two standard errors of it: what chance alone makes of values that do not grow. */
  noise: number
  /** Whether it grows by more than chance explains. */
  grows: boolean
}

/** Whether samples taken at even times grow. */
export function trend(values: readonly number[]): Trend {
  const n = values.length
  if (n < 3) throw new Error(`a trend needs three samples at least, got ${n}`)
  const middle = (n - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const spread = values.reduce((sum, _, x) => sum + (x - middle) ** 2, 0)
  const slope = values.reduce((sum, value, x) => sum + (x - middle) * (value - mean), 0) / spread
  const rest = values.reduce((sum, value, x) => sum + (value - mean - slope * (x - middle)) ** 2, 0)
  const noise = 2 * Math.sqrt(rest / (n - 2) / spread)
  return { slope, noise, grows: slope > noise }
}
