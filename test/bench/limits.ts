import { readFile } from 'node:fs/promises'
import { redisServer } from '../../templates/+redis/test/support/redis-server.js'
import { writeServer } from '../support/project.js'
import { startProcess } from './contestants.js'
import { measure, medianOf, ratioOf, rounds, seconds } from './measure.js'

// What each limit costs a request that it lets through, beside the generated server without any; counted in memory and in Redis.
const LAYERS = {
  byIp: /^ {2}app\.use\(limits\.byIp\)\n/m,
  overload: /^ {4}limits\.overload,\n/m,
  byPrincipal: /^ {4}limits\.byPrincipal,\n/m,
  concurrency: /^ {4}limits\.concurrency,\n/m,
}
type Layer = keyof typeof LAYERS
const all = Object.keys(LAYERS) as Layer[]

const tools = await readFile(new URL('tools.ts', import.meta.url), 'utf8')

/** The server with these layers alone. */
async function written(name: string, kept: readonly Layer[], redis = false) {
  const without = (app: string) =>
    all
      .filter((layer) => !kept.includes(layer))
      .reduce((text, layer) => {
        if (!LAYERS[layer].test(text)) throw new Error(`src/app.ts has no ${layer} any more`)
        return text.replace(LAYERS[layer], '')
      }, app)
  const extra = { 'src/tools/index.ts': tools, 'src/app.ts': without }
  return writeServer(`bench-limits-${name}`, { redis }, extra)
}

const servers = [
  { name: 'none', project: await written('none', []), base: 'none' },
  { name: 'address', project: await written('ip', ['byIp']), base: 'none' },
  { name: 'principal', project: await written('principal', ['byPrincipal']), base: 'none' },
  { name: 'concurrency', project: await written('concurrency', ['concurrency']), base: 'none' },
  { name: 'overload', project: await written('overload', ['overload']), base: 'none' },
  { name: 'all', project: await written('all', all), base: 'none' },
]
const redis = await redisServer()
if (redis) {
  servers.push(
    { name: 'none, Redis there', project: await written('idle', [], true), base: 'none' },
    {
      name: 'all, in Redis',
      project: await written('redis', all, true),
      base: 'none, Redis there',
    },
  )
}

const print = (line: string) => process.stdout.write(`${line}\n`)
const contestants = []
for (const { name, project } of servers) {
  const { folder: cwd, key } = project
  const env = { REDIS_URL: redis?.url }
  contestants.push(await startProcess(name, { cwd, args: ['dist/main.js'], key, tools: 1, env }))
}
print(
  `node ${process.version}, ${rounds} rounds of ${seconds} s each, 16 connections, one tools/call`,
)
const measured = await measure(contestants)
for (const { name, base } of servers) {
  const rate = medianOf(measured, name).toFixed(0)
  const perSecond = ratioOf(measured, name, base).toFixed(3)
  const perCpu = ratioOf(measured, name, base, 'perCpuSecond').toFixed(3)
  print(
    `  ${name.padEnd(18)} ${rate.padStart(6)}/s  ${perSecond}, by processor time ${perCpu} × ${base}`,
  )
}
await redis?.close()
process.exit()
