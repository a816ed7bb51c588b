import { parseArgs } from 'node:util'
import { check } from './check.js'
import { everything, flagsOf, pairwise } from './factors.js'

// Every server that the command can write, or with `--pairwise` those of combinations.test.ts, all with their tests; or a
// share of them: `--part 3/100` is the third hundredth, picked evenly.
const { values } = parseArgs({
  options: {
    part: { type: 'string', default: '1/1' },
    pairwise: { type: 'boolean' },
    'no-tests': { type: 'boolean' },
  },
})
const [, number = 0, of = 0] = (/^(\d+)\/(\d+)$/.exec(values.part) ?? []).map(Number)
if (number < 1 || number > of) {
  process.stderr.write(`--part ${values.part} is no part: give one such as 3/100\n`)
  process.exit(2)
}
const rows = (values.pairwise ? pairwise() : everything()).filter((_, i) => i % of === number - 1)
let failed = 0
for (const [i, row] of rows.entries()) {
  const title = `${i + 1} of ${rows.length}: ${flagsOf(row).join(' ')}`
  const fault = await check(row, !values['no-tests']).catch((error: Error) => error)
  if (fault) failed++
  process.stdout.write(fault ? `FAILED ${title}\n${fault.message}\n` : `passed ${title}\n`)
}
process.stdout.write(`${rows.length - failed} passed, ${failed} failed\n`)
process.exit(failed === 0 ? 0 : 1)
