/** Started as a process of its own: a primary and its workers, told by the environment what to be. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  capConnections,
  countForWorkers,
  type Logger,
  type Meters,
  startWorkers,
  type WorkerLink,
  workerLink,
  workerMeters,
} from '../src/index.js'

function say(message: string, fields?: Record<string, unknown>) {
  process.stdout.write(`${JSON.stringify({ message, ...fields })}\n`)
}
const logger: Logger = { debug: say, info: say, warn: say, error: say }
const { COUNT = '2', WHAT = '', STOP_MS = '5000', MAX = '' } = process.env

/** As many units as the limit has, and never again. */
function finite(): Meters {
  const used = new Map<string, number>()
  return {
    charge: (charges) =>
      charges.map(({ key, units, limit }) => {
        const after = (used.get(key) ?? 0) + units
        const allowed = after <= limit
        if (allowed) used.set(key, after)
        return { allowed, remaining: 0, waitMs: 1 }
      }),
  }
}

function lead() {
  const workers = startWorkers({
    count: Number(COUNT),
    env: { GREETING: 'hello', WHAT: WHAT === 'dies-first' ? 'dies' : WHAT },
    execArgv: ['--max-old-space-size=77'],
    logger,
    stopTimeoutMs: Number(STOP_MS),
    backoffMs: 50,
    onDeath: ({ id, ready }) => say('death', { id, ready }),
  })
  workers.onAsk('double', (payload, { id }) => ({ twice: Number(payload) * 2, id }))
  workers.onAsk('block', () => {
    const until = Date.now() + 600
    while (Date.now() < until);
  })
  countForWorkers(workers, finite())
  workers.started.then(
    ({ details }) => say('started', details),
    (error) => {
      say('failed', { code: error.code, text: error.message })
      process.exit(error.exitCode)
    },
  )
  const stop = () =>
    workers.stop().then(
      () => process.exit(0),
      (error) => {
        say('stopped badly', { code: error.code, text: error.message })
        process.exit(9)
      },
    )
  process.on('SIGTERM', stop)
  process.on('SIGINT', () => process.exit(130))
  if (WHAT === 'stops-early') stop()
  createInterface(process.stdin).on('line', async (line) => {
    const { topic, payload, timeoutMs = 2_000, signal } = JSON.parse(line)
    if (signal) return workers.signal(signal)
    const answers = await workers.askAll(topic, payload, { timeoutMs })
    say('answers', {
      answers: answers.map(({ worker, payload, error }) => ({
        id: worker.id,
        payload,
        code: (error as { code?: string } | undefined)?.code,
      })),
    })
    say('state', { ready: workers.ready, restarts: workers.restarts, list: workers.list() })
  })
}

async function serve(link: WorkerLink) {
  if (WHAT === 'dies') process.exit(7)
  if (WHAT === 'never-ready') setInterval(() => {}, 1_000)
  if (WHAT === 'never-ready' || WHAT === 'stops-early') return
  let draining = false
  const meters = workerMeters(link, { fallback: finite(), timeoutMs: 200 })
  const server: Server = createServer(async (req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? '', 'http://localhost')
    const answer = (body: unknown) => {
      // The next one goes to the next worker.
      if (!searchParams.has('keep')) res.setHeader('Connection', 'close')
      res.end(JSON.stringify(body))
    }
    if (pathname === '/slow') {
      say('call begun', { id: link.id })
      await sleep(Number(searchParams.get('ms') ?? 800))
    }
    if (pathname === '/block') for (;;);
    if (pathname === '/exit') process.exit(3)
    if (pathname === '/ask') {
      const topic = String(searchParams.get('topic'))
      const timeoutMs = Number(searchParams.get('ms') ?? 1000)
      return link
        .ask(topic, 21, { timeoutMs })
        .then(answer, (error) => answer({ code: error.code }))
    }
    if (pathname === '/charge') {
      const charge = { key: 'one', units: 1, limit: 10, windowMs: 1000 }
      const [reading] = await meters.charge([charge])
      return answer({ ...reading, ...meters.state() })
    }
    answer({
      id: link.id,
      pid: process.pid,
      args: process.execArgv,
      greeting: process.env.GREETING,
    })
  })
  link.onAsk('who', (payload) => ({ id: link.id, payload, none: Number.NaN }))
  link.onAsk('slow', () => sleep(10_000))
  link.onAsk('fails', () => {
    throw new Error('it does not work')
  })
  function end(reason: string) {
    if (draining) return
    draining = true
    say('draining', { id: link.id, reason })
    server.close(() => process.exit(WHAT === 'ends-badly' ? 4 : 0))
  }
  process.on('SIGTERM', () => WHAT !== 'deaf' && end('SIGTERM'))
  process.on('SIGUSR2', () => say('SIGUSR2', { id: link.id }))
  link.onOrphaned(() => end('orphaned'))
  if (MAX !== '') capConnections(server, Number(MAX))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  link.ready({ port: (server.address() as AddressInfo).port })
}

const link = workerLink()
if (link) await serve(link)
else lead()
