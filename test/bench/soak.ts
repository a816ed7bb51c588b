import { setTimeout as sleep } from 'node:timers/promises'
import autocannon from 'autocannon'
import { probedServer } from './probed-server.js'
import { honest } from './requests.js'
import { trend } from './trend.js'
import { misbehave } from './visitors.js'

// Half of what the server can do, for an hour, with the visitors that a server on the internet has. What it holds after a
// garbage collection must not grow: not the heap beyond its own noise, and not the sockets and timers.
const MINUTES = Number(process.env.SOAK_MINUTES ?? 60)
const SAMPLES = Number(process.env.SOAK_SAMPLES ?? 60)
/** The first samples still load code and fill caches. */
const WARM_UP = 0.2

const print = (line: string) => process.stdout.write(`${line}\n`)
const server = await probedServer('soak')
const { url, headers } = server
const requests = honest(headers)

const probing = await autocannon({ url, requests, connections: 16, duration: 10 })
const rate = Math.max(1, Math.floor(probing['2xx'] / probing.duration / 2))
print(`node ${process.version}, ${MINUTES} minutes at ${rate} requests/s, half of what it can do`)

const total = { answered: 0, failed: 0 }
const visits: Record<string, number> = {}
/** Of failed calls: by status, or how the connection failed. */
const failures: Record<string, number> = {}
const heap: number[] = []
const handles: number[] = []
for (let sample = 0; sample < SAMPLES; sample++) {
  const stop = new AbortController()
  const visitors = misbehave(url, headers, stop.signal)
  const duration = Math.max(1, Math.round((MINUTES * 60) / SAMPLES))
  const load = await autocannon({ url, requests, connections: 16, overallRate: rate, duration })
  stop.abort()
  total.answered += load['2xx']
  total.failed += load.non2xx + load.errors + load.timeouts
  const statuses = Object.entries(load.statusCodeStats ?? {}).map(
    ([status, { count = 0 }]) => [status, status.startsWith('2') ? 0 : count] as const,
  )
  for (const [kind, count] of [
    ...statuses,
    ['error', load.errors],
    ['timeout', load.timeouts],
  ] as const)
    if (count > 0) failures[kind] = (failures[kind] ?? 0) + count
  for (const [kind, count] of Object.entries(await visitors))
    visits[kind] = (visits[kind] ?? 0) + count
  // At rest, so that what is under way, and lines that wait for their reader, are not taken for what is kept.
  await sleep(2_000)
  const kept = await server.kept()
  heap.push(kept.bytes)
  handles.push(kept.handles)
  const [data, code] = [kept.bytes, kept.codeBytes].map((bytes) => (bytes / 1e6).toFixed(2))
  const number = String(sample + 1).padStart(3)
  print(`${number}  heap ${data} MB and code ${code} MB  ${JSON.stringify(kept.resources)}`)
}
const code = await server.stop()

const measured = (values: number[]) => trend(values.slice(Math.floor(values.length * WARM_UP)))
const heapTrend = measured(heap)
const handleTrend = measured(handles)
const { answered, failed } = total
print(`answered ${answered}, failed ${failed} ${JSON.stringify(failures)}, exit code ${code}`)
print(`besides ${JSON.stringify(visits)}`)
print(
  `heap ${(heapTrend.slope / 1e3).toFixed(2)} kB a sample, noise ±${(heapTrend.noise / 1e3).toFixed(2)} kB`,
)
print(`handles ${handleTrend.slope.toFixed(3)} a sample, noise ±${handleTrend.noise.toFixed(3)}`)
const flat = !heapTrend.grows && !handleTrend.grows && failed === 0 && code === 0
print(flat ? 'flat' : 'NOT FLAT')
process.exit(flat ? 0 : 1)
