import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { writeServer } from '../support/project.js'
import { startProcess } from './contestants.js'
import { measure, medianOf, ratioOf, rounds, seconds } from './measure.js'

// What watching costs: the generated server with and without its logs, its metrics and its traces.
const BASE = 'neither'
const BOUNDS: Record<string, [string, number]> = {
  'metrics and logs': [BASE, 0.92],
  'tracing off': ['metrics and logs', 0.99],
}

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
const servers = {
  [BASE]: { project: neither, env: {} },
  // Two processes of one program differ too: by how much, this ratio tells.
  'neither, again': { project: neither, env: {} },
  metrics: { project: await written('metrics', false, logs), env: {} },
  logs: { project: await written('logs', false, metrics), env: {} },
  'metrics and logs': { project: plain, env: {} },
  'tracing off': { project: traced, env: { OTEL_SDK_DISABLED: 'true' } },
  'tracing 1 %': { project: traced, env: traces('traceidratio', '0.01') },
  'tracing on': { project: traced, env: traces('always_on', '1') },
}

const print = (line: string) => process.stdout.write(`${line}\n`)
const contestants = []
for (const [name, { project, env }] of Object.entries(servers)) {
  const { folder: cwd, key } = project
  contestants.push(await startProcess(name, { cwd, args: ['dist/main.js'], key, tools: 1, env }))
}
print(
  `node ${process.version}, ${rounds} rounds of ${seconds} s each, 16 connections, one tools/call`,
)
const measured = await measure(contestants)
for (const name of Object.keys(servers)) {
  const [base, bound] = BOUNDS[name] ?? [BASE]
  const rate = medianOf(measured, name).toFixed(0)
  const perSecond = ratioOf(measured, name, base).toFixed(3)
  const perCpu = ratioOf(measured, name, base, 'perCpuSecond').toFixed(3)
  print(
    `  ${name.padEnd(18)} ${rate.padStart(6)}/s  ${perSecond}, by processor time ${perCpu} × ${base}${bound ? `  (bound ${bound})` : ''}`,
  )
}
process.exit()
