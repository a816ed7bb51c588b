import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashApiKey } from '@mcp-prod/auth'
import autocannon from 'autocannon'
import { weatherServer } from '../../templates/+upstream/test/support/weather-server.js'
import { held, probeOptions } from '../support/fuzz/probe.js'
import { noLimits } from '../support/no-limits.js'
import { writeServer } from '../support/project.js'
import { trend } from './trend.js'
import { misbehave } from './visitors.js'

// Half of what the server can do, for an hour, with the visitors that a server on the internet has. What it holds after a
// garbage collection must not grow: not the heap beyond its own noise, and not the sockets and timers.
const MINUTES = Number(process.env.SOAK_MINUTES ?? 60)
const SAMPLES = Number(process.env.SOAK_SAMPLES ?? 60)
/** The first samples still load code and fill caches. */
const WARM_UP = 0.2

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'soak', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const call = (name: string, args: object, meta?: object) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args, ...(meta && { _meta: meta }) },
  })

/**
 * V8 makes a table of the lines of every script when a debugger first looks: 1.8 MB, once. The watch over a blocked process is
 * such a debugger, and whether this machine starves the process so that it looks is no matter of the server's.
 */
async function makeLineTables(): Promise<void> {
  const { Session } = await import('node:inspector')
  const session = new Session()
  process.once('message', () => {
    session.connect()
    session.post('Debugger.enable', () => session.disconnect())
  })
}

const print = (line: string) => process.stdout.write(`${line}\n`)
const project = await writeServer('soak')
const upstream = await weatherServer()
const tables = `data:text/javascript,${encodeURIComponent(`await (${makeLineTables})()`)}`
const server = spawn(process.execPath, [...probeOptions, '--import', tables, 'dist/main.js'], {
  cwd: project.folder,
  env: {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    PORT: '0',
    ADMIN_PORT: '0',
    WEATHER_URL: upstream.url,
    API_KEYS: JSON.stringify([
      {
        id: 'dev',
        hash: hashApiKey(project.key),
        principal: 'soak',
        scopes: ['stats:read', 'weather:read'],
      },
    ]),
    ...noLimits,
    SHUTDOWN_GRACE: '0s',
  },
  stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
})
const exited = new Promise<number | null>((resolve) => server.once('exit', resolve))
const { url } = await new Promise<{ url: string }>((resolve) => {
  createInterface(server.stdout as NodeJS.ReadableStream).on('line', (line) => {
    if (line.includes('"listening"')) resolve(JSON.parse(line))
  })
})

const common = {
  authorization: `Bearer ${project.key}`,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
const modern = (name: string, args: object) => ({
  method: 'POST' as const,
  headers: {
    ...common,
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': 'tools/call',
    'mcp-name': name,
  },
  body: call(name, args, envelope),
})
const legacy = (body: string) => ({ method: 'POST' as const, headers: common, body })
const requests = [
  modern('summarize_numbers', { numbers: [1, 2, 3] }),
  modern('current_weather', { latitude: 59.3, longitude: 18.1 }),
  legacy(call('summarize_numbers', { numbers: [1, 2, 3] })),
  legacy(call('summarize_numbers', { numbers: ['one'] })),
  legacy(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })),
]

const probing = await autocannon({ url, requests, connections: 16, duration: 10 })
const rate = Math.max(1, Math.floor(probing['2xx'] / probing.duration / 2))
print(`node ${process.version}, ${MINUTES} minutes at ${rate} requests/s, half of what it can do`)

const total = { answered: 0, failed: 0 }
const visits: Record<string, number> = {}
const heap: number[] = []
const handles: number[] = []
for (let sample = 0; sample < SAMPLES; sample++) {
  const stop = new AbortController()
  const visitors = misbehave(url, common, stop.signal)
  const duration = Math.max(1, Math.round((MINUTES * 60) / SAMPLES))
  const load = await autocannon({ url, requests, connections: 16, overallRate: rate, duration })
  stop.abort()
  total.answered += load['2xx']
  total.failed += load.non2xx + load.errors + load.timeouts
  for (const [kind, count] of Object.entries(await visitors))
    visits[kind] = (visits[kind] ?? 0) + count
  // At rest, so that what is under way, and lines that wait for their reader, are not taken for what is kept.
  await sleep(2_000)
  const { heapBytes, codeBytes, resources } = await held(server)
  // What the server keeps: V8 compiles and optimises for hours, which is no leak, and levels off.
  heap.push(heapBytes - codeBytes)
  handles.push(Object.values(resources).reduce((sum, count) => sum + count, 0))
  print(
    `${String(sample + 1).padStart(3)}  heap ${((heapBytes - codeBytes) / 1e6).toFixed(2)} MB and code ${(codeBytes / 1e6).toFixed(2)} MB  ${JSON.stringify(resources)}`,
  )
}
server.kill('SIGTERM')
const code = await exited
upstream.close()

const measured = (values: number[]) => trend(values.slice(Math.floor(values.length * WARM_UP)))
const heapTrend = measured(heap)
const handleTrend = measured(handles)
const { answered, failed } = total
print(`answered ${answered}, failed ${failed}, ${JSON.stringify(visits)}, exit code ${code}`)
print(
  `heap ${(heapTrend.slope / 1e3).toFixed(2)} kB a sample, noise ±${(heapTrend.noise / 1e3).toFixed(2)} kB`,
)
print(`handles ${handleTrend.slope.toFixed(3)} a sample, noise ±${handleTrend.noise.toFixed(3)}`)
const flat = !heapTrend.grows && !handleTrend.grows && failed === 0 && code === 0
print(flat ? 'flat' : 'NOT FLAT')
process.exit(flat ? 0 : 1)
