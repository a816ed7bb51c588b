import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Project, writeServer } from '../support/project.js'
import { startProcess } from './contestants.js'
import { measure, median, ratioOf, rounds, seconds } from './measure.js'

// What watching costs: the generated server with and without its logs, its metrics and its traces.
const BASE = 'neither'
/** What each is compared with, if not with the base, and the least ratio that it should have. */
const BOUNDS: Record<string, [string, number]> = {
  'metrics and logs': [BASE, 0.92],
  'tracing off': ['metrics and logs', 0.99],
}
/**
 * Two processes of one program differ by a tenth at times, for as long as they live. So each ratio is that of pairs of fresh
 * processes: their median.
 */
const PAIRS = Number(process.env.BENCH_PAIRS ?? 5)
const WARM_UP_SECONDS = 5

/** The app with a line of it changed, which must be there. */
const changed = (line: RegExp, to: string) => (text: string) => {
  if (!line.test(text)) throw new Error(`src/app.ts has no ${line} any more`)
  return text.replace(line, to)
}
const logs = (text: string) =>
  [
    changed(/^ {2}app\.use\(requestLog\(.*\n/m, ''),
    changed(/, requestLog \}/, ' }'),
    changed(
      /^ {4}audit\(\{ decision, method, \.\.\.subjectOf/m,
      '    void ({ decision, method, ...subjectOf',
    ),
  ].reduce((app, change) => change(app), text)
const metrics = (text: string) =>
  [
    changed(/^ {2}app\.use\(metrics\.middleware\)\n/m, ''),
    changed(
      /^ {4}metrics\.observeRequest\(\{ method, name: target, outcome, durationMs \}\)\n/m,
      '    void target\n',
    ),
  ].reduce((app, change) => change(app), text)

const collector = createServer((req, res) => {
  req.resume()
  req.once('end', () => res.setHeader('Content-Type', 'application/json').end('{}'))
}).listen(0, '127.0.0.1')
await new Promise((resolve) => collector.once('listening', resolve))
const { port } = collector.address() as AddressInfo
const traces = (sampler: string, share: string) => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
  OTEL_TRACES_SAMPLER: sampler,
  OTEL_TRACES_SAMPLER_ARG: share,
})

const tools = await readFile(new URL('tools.ts', import.meta.url), 'utf8')
const written = async (name: string, tracing: boolean, change = (text: string) => text) =>
  writeServer(`bench-${name}`, { tracing }, { 'src/tools/index.ts': tools, 'src/app.ts': change })
const plain = await written('plain', false)
const traced = await written('traced', true)
const neither = await written('neither', false, (text) => logs(metrics(text)))
const servers: Record<string, { project: Project; env: NodeJS.ProcessEnv }> = {
  [BASE]: { project: neither, env: {} },
  // The control: what is left of 1 here is chance.
  'neither, again': { project: neither, env: {} },
  metrics: { project: await written('metrics', false, logs), env: {} },
  logs: { project: await written('logs', false, metrics), env: {} },
  'metrics and logs': { project: plain, env: {} },
  'tracing off': { project: traced, env: { OTEL_SDK_DISABLED: 'true' } },
  'tracing 1 %': { project: traced, env: traces('traceidratio', '0.01') },
  'tracing on': { project: traced, env: traces('always_on', '1') },
}

async function start(name: string) {
  const server = servers[name]
  if (!server) throw new Error(`no server is named ${name}`)
  const { folder: cwd, key } = server.project
  return startProcess(name, { cwd, args: ['dist/main.js'], key, tools: 1, env: server.env })
}

const print = (line: string) => process.stdout.write(`${line}\n`)
print(
  `node ${process.version}, ${PAIRS} pairs of ${rounds} rounds of ${seconds} s each, 16 connections, one tools/call`,
)
for (const name of Object.keys(servers)) {
  if (name === BASE) continue
  const [base, bound] = BOUNDS[name] ?? [BASE]
  const perSecond: number[] = []
  const perCpu: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const names = pair % 2 ? [name, base] : [base, name]
    const contestants = []
    for (const each of names) contestants.push(await start(each))
    const measured = await measure(contestants, WARM_UP_SECONDS)
    perSecond.push(ratioOf(measured, name, base))
    perCpu.push(ratioOf(measured, name, base, 'perCpuSecond'))
  }
  const [least, most] = [Math.min(...perSecond), Math.max(...perSecond)]
  print(
    `  ${name.padEnd(18)} ${median(perSecond).toFixed(3)} (${least.toFixed(2)} to ${most.toFixed(2)}), by processor time ${median(perCpu).toFixed(3)} × ${base}${bound ? `  (bound ${bound})` : ''}`,
  )
}
process.exit()
