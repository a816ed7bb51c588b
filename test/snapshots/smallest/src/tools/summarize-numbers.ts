import { defineTool } from '@mcp-prod/tools'
import { z } from 'zod'

export const summarizeNumbers = defineTool({
  name: 'summarize_numbers',
  title: 'Summarize numbers',
  description: 'Count, minimum, maximum, mean, median and 95th percentile of a list of numbers.',
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({
    numbers: z.array(z.number()).min(1).max(10_000).describe('at least one, at most 10,000'),
  }),
  output: z.object({
    count: z.int(),
    minimum: z.number(),
    maximum: z.number(),
    mean: z.number(),
    median: z.number(),
    p95: z.number(),
  }),
  scopes: ['stats:read'],
  timeoutMs: 2_000,
  run({ numbers }) {
    const sorted = numbers.toSorted((a, b) => a - b)
    return {
      count: sorted.length,
      minimum: percentile(sorted, 0),
      maximum: percentile(sorted, 1),
      mean: mean(sorted),
      median: percentile(sorted, 0.5),
      p95: percentile(sorted, 0.95),
    }
  },
})

function mean(sorted: readonly number[]): number {
  const sum = sorted.reduce((sum, number) => sum + number / sorted.length, 0)
  // Rounding can carry it past its numbers, and past what a number can be.
  return Math.max(percentile(sorted, 0), Math.min(percentile(sorted, 1), sum))
}

/** Interpolates between the two nearest ranks. */
function percentile(sorted: readonly number[], share: number): number {
  const rank = share * (sorted.length - 1)
  const below = sorted[Math.floor(rank)] ?? Number.NaN
  const above = sorted[Math.ceil(rank)] ?? Number.NaN
  // Weighed apart: the difference of two large numbers may be infinite.
  return below * (1 - (rank % 1)) + above * (rank % 1)
}
