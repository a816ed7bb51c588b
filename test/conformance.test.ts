import { afterAll, expect, it } from 'vitest'
import { judged } from './support/conformance/judged.js'
import type { Scenario } from './support/conformance/suite.js'
import { killAll } from './support/faults/server.js'

afterAll(killAll)

const failed = (scenarios: Scenario[] = [], scored = true) =>
  scenarios.filter((each) => each.scored === scored && !each.passed).map(({ name }) => name)
const required = (scenarios: Scenario[] = []) => scenarios.filter(({ scored }) => scored).length

it('a generated server with all its middleware in front passes what both revisions require', async () => {
  const found = await judged({ sessions: true }, ['2026-07-28', '2025-11-25'])
  const [modern, legacy] = [found.get('2026-07-28'), found.get('2025-11-25')]
  expect(failed(modern)).toEqual([])
  expect(required(modern)).toBe(37)
  expect(failed(legacy)).toEqual([])
  expect(required(legacy)).toBe(30)
  // What is run besides: all but the extension for tasks, which the SDK does not have.
  expect(failed(modern, false).filter((name) => !name.startsWith('tasks-'))).toEqual([])
  expect(failed(legacy, false)).toEqual([])
})

it('with the first line of the SDK it passes what 2025-11-25 requires', async () => {
  const legacy = (await judged({ sdk: 'v1', sessions: true }, ['2025-11-25'])).get('2025-11-25')
  expect(failed(legacy)).toEqual([])
  expect(required(legacy)).toBe(30)
  expect(failed(legacy, false)).toEqual([])
})
