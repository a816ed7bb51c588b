import type { Selection } from '../../../generators/dist/features.js'
import { judged } from './judged.js'
import type { Requirements } from './suite.js'

/** What is claimed: a server of each line of the SDK, and the revisions that it serves. */
const claims: [string, Selection, Requirements[]][] = [
  ['SDK v2', { sessions: true }, ['2026-07-28', '2025-11-25']],
  ['SDK v1', { sdk: 'v1', sessions: true }, ['2025-11-25']],
]

for (const [line, selection, revisions] of claims) {
  for (const [revision, scenarios] of await judged(selection, revisions)) {
    for (const { name, passed, scored } of scenarios)
      process.stdout.write(`  ${passed ? '✓' : '✗'} ${name}${scored ? '' : ' (not scored)'}\n`)
    const scored = scenarios.filter((scenario) => scenario.scored)
    const passed = scored.filter((scenario) => scenario.passed)
    process.stdout.write(`${line}, ${revision}: ${passed.length} of ${scored.length}\n\n`)
    if (scored.length === 0 || passed.length < scored.length) process.exitCode = 1
  }
}
