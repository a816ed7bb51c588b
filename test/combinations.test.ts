import { describe, expect, it } from 'vitest'
import { check } from './support/combinations/check.js'
import { everything, flagsOf, pairsOf, pairwise, valuesOf } from './support/combinations/factors.js'

// All combinations would take days; most faults that an option has only beside another need no third. Each is checked and
// built here. Tests of all take half an hour, which `npm run combinations -- --pairwise` has; here as many have theirs run as
// have every value of every option.
const rows = pairwise()
const tested = new Set<string>()

it('any two values of any two options are together in one of the servers', () => {
  expect(pairsOf(rows)).toEqual(pairsOf(everything()))
  expect(rows.length).toBeLessThan(30)
})

describe.each(rows.map((row) => [flagsOf(row).join(' '), row] as const))('with %s', (_, row) => {
  const fresh = valuesOf(row).filter((value) => !tested.has(value))
  for (const value of fresh) tested.add(value)
  const what = fresh.length > 0 ? 'passes its own checks and tests' : 'passes its own checks'
  it(what, { timeout: 900_000 }, () => check(row, fresh.length > 0))
})
