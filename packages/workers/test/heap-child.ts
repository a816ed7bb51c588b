/** Started as a process of its own, perhaps twice: says what its heap may be. */
import { getHeapStatistics } from 'node:v8'
import { boundHeap, hasHeapFlag } from '../src/index.js'

boundHeap(Number(process.env.MEMORY), ['--max-old-space-size=64', '--max-semi-space-size=1'])
const { heap_size_limit: limit } = getHeapStatistics()
const said = { limit, args: process.argv.slice(2), pid: process.pid, isTheirs: hasHeapFlag() }
process.stdout.write(JSON.stringify(said))
