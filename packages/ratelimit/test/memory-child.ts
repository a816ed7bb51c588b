/** Prints what a flood of distinct keys leaves in memory, as JSON. Run with --expose-gc. */
import { memoryMeters } from '../src/memory-meters.js'

const [kind = '', maxKeys = '0', keys = '0'] = process.argv.slice(2)
const collect = globalThis.gc
if (!collect) throw new Error('run with --expose-gc')

function memory(): number {
  collect?.()
  const { heapUsed, external, arrayBuffers } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
}

const header = Buffer.alloc(15_000, 'x')
/** Cut out of a text of 15,000 characters, as keys are out of headers. */
function cut(key: string): string {
  header.write(key)
  return header.toString('latin1').slice(0, key.length)
}

const hex = (i: number) => i.toString(16).padStart(5, '0')
const keyOf: Record<string, (i: number) => string> = {
  address: (i) => `ip 2001:db8:${hex(i)}::/56`,
  tool: (i) => `tool resource:${'t'.repeat(128)} principal ${hex(i).padStart(128, 'p')}`,
  wide: (i) => `tool resource:${'t'.repeat(128)} principal ${hex(i).padStart(128, 'Ж')}`,
  cut: (i) => cut(`ip 192.0.2.1 ${hex(i)}`),
}
const key = keyOf[kind]
if (!key) throw new Error(`no kind of key ${kind}`)

const meters = memoryMeters(Number(maxKeys))
const before = memory()
for (let i = 0; i < Number(keys); i++) {
  // An hour to be whole: all of them are in use to the end.
  meters.charge([{ key: key(i), units: 1, limit: 1, windowMs: 3_600_000 }])
  // Two windows, so that a second number is kept of some.
  if (i % 2) meters.charge([{ key: key(i), units: 0, limit: 1, windowMs: 60_000 }])
}
const bytes = memory() - before
process.stdout.write(JSON.stringify({ held: meters.size, bytes }))
