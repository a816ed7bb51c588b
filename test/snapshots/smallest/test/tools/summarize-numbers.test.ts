import { expect, it } from 'vitest'
import { summarizeNumbers } from '../../src/tools/summarize-numbers.js'
import { toolContext } from '../support/tool-context.js'

it.each([
  [[4], { count: 1, minimum: 4, maximum: 4, mean: 4, median: 4, p95: 4 }],
  [[3, 1, 2], { count: 3, minimum: 1, maximum: 3, mean: 2, median: 2, p95: 2.9 }],
  [[10, 2], { count: 2, minimum: 2, maximum: 10, mean: 6, median: 6, p95: 9.6 }],
  [[-1.7e308, 1.7e308], { minimum: -1.7e308, maximum: 1.7e308, mean: 0, median: 0 }],
  [[Number.MAX_VALUE, Number.MAX_VALUE, Number.MAX_VALUE], { mean: Number.MAX_VALUE }],
])('summarizes %j', async (numbers, expected) => {
  const summary = (await summarizeNumbers.run({ numbers }, toolContext())) as Record<string, number>
  for (const [field, value] of Object.entries(expected))
    expect(summary[field], field).toBeCloseTo(value)
})

it('leaves its input as it was', async () => {
  const numbers = [3, 1, 2]
  await summarizeNumbers.run({ numbers }, toolContext())
  expect(numbers).toEqual([3, 1, 2])
})
