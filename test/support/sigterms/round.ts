import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../fuzz/random.js'
import { noLimits } from '../no-limits.js'
import { caller, type Era } from './calls.js'
import type { Outcome } from './judge.js'
import { openLine } from './line.js'
import { type Moment, moments, tlsMoments } from './moments.js'
import { type Ended, isOpen, startServer } from './server.js'

export interface Project {
  folder: string
  key: string
  /** Of the server, for the rounds with TLS. */
  tlsEnv: NodeJS.ProcessEnv
  /** Milliseconds that a start took when it was tried: signals during the start come within. */
  startMs: number
}

export interface Round {
  /** The moments, each with what became of its requests. */
  outcomes: { moment: string; outcome: Outcome }[]
  ended: Ended
  faults: string[]
}

const GRACE_MS = 200
const DRAIN_MS = 8_000
/** The generated server's own: what hooks and open sockets may take. */
const DEADLINE_MS = GRACE_MS + DRAIN_MS + 5_000
/** For this machine to notice an end. */
const SLACK_MS = 5_000

const ENV = {
  LOG_LEVEL: 'debug',
  SHUTDOWN_GRACE: `${GRACE_MS}ms`,
  SHUTDOWN_DRAIN: `${DRAIN_MS}ms`,
  // A tool that works for its seconds is no reason for a warning here.
  SLOW_REQUEST: '1m',
  ...noLimits,
}

/** What may be left when all is closed: stdout and stderr, and a look at a settings file that was just under way. */
const MAY_STAY = ['PipeWrap', 'TTYWrap', 'FSReqPromise']
/** Besides, before it listens: a module that was just being read. */
const MAY_STAY_AT_START = [...MAY_STAY, 'CloseReq']
/** The log and the audit each wait some milliseconds between two writes, or something for the end of this turn. */
const LOGS = 2

/** A SIGTERM to a server that is just starting. */
export async function startingRound(project: Project, random: Random): Promise<Round> {
  const words = random.chance(0.5) ? ['--import', '@mcp-prod/shutdown/early'] : []
  const server = startServer(project.folder, ENV, words)
  await sleep(random.int(project.startMs * 1.3))
  server.signal()
  const ended = await server.ended
  const listened = server.lines.find(({ message }) => message === 'listening')
  const ports = listened ? await server.ports() : []
  const begun = server.lines.some(({ message }) => message === 'shutdown: draining')
  const { code, signal } = ended
  // Before its first line has run Node itself ends by the signal, or `early` does with the code that tells of it.
  const isRight = begun ? code === 0 : signal === 'SIGTERM' || (words.length > 0 && code === 143)
  const faults = [
    ...(isRight ? [] : [`ended with ${code ?? signal}`]),
    ...(await faultsOf(server, ended, ports, begun)),
  ]
  const moment = begun ? 'starting' : 'starting, before its first line'
  return { outcomes: [{ moment, outcome: { verdict: 'closed' } }], ended, faults }
}

/** A SIGTERM at one to five moments at once of requests to a server that runs. */
export async function runningRound(project: Project, random: Random): Promise<Round> {
  const tls = random.chance(0.3)
  const server = startServer(project.folder, { ...ENV, ...(tls && project.tlsEnv) })
  const ports = await server.ports()
  const all: [string, Moment][] = Object.entries({ ...moments, ...(tls && tlsMoments) })
  const chosen = Array.from({ length: 1 + random.int(5) }, () => random.pick(all))
  const calls = caller(project.key, random)
  let tell = () => {}
  const signalled = new Promise<void>((resolve) => {
    tell = resolve
  })
  const begun = chosen.map(([name, moment]) => {
    let ready = () => {}
    const isReady = new Promise<void>((resolve) => {
      ready = resolve
    })
    const played = moment({
      random,
      calls,
      era: () => random.pick<Era>(['modern', 'legacy']),
      open: (waitWithTls) => openLine(ports[0] ?? 0, tls, waitWithTls),
      graceMs: GRACE_MS,
      signalled,
      ready,
    })
    return { name: tls ? `${name} (TLS)` : name, isReady: Promise.race([isReady, played]), played }
  })
  await Promise.all(begun.map(({ isReady }) => isReady))
  await sleep(random.int(300))
  server.signal()
  tell()
  const played = await Promise.all(begun.map(({ played }) => played))
  const ended = await server.ended
  const outcomes = begun.flatMap(({ name }, i) =>
    (played[i] ?? []).map((outcome) => ({ moment: name, outcome })),
  )
  for (const { outcome } of outcomes) {
    const { verdict, port } = outcome
    if (verdict === 'reset' && port && !server.hasAccepted(port)) outcome.verdict = 'waiting'
  }
  const faults = await faultsOf(server, ended, ports, true)
  if (ended.code !== 0) faults.push(`ended with ${ended.code ?? ended.signal}`)
  return { outcomes, ended, faults }
}

/** What a server may not leave behind, nor complain of, whenever the signal came. */
async function faultsOf(
  server: ReturnType<typeof startServer>,
  { tookMs }: Ended,
  ports: number[],
  inOrder: boolean,
): Promise<string[]> {
  const faults: string[] = []
  if (server.hasOrphans()) faults.push('a process is left')
  for (const port of ports) if (await isOpen(port)) faults.push(`port ${port} is still open`)
  if (tookMs > DEADLINE_MS + SLACK_MS) faults.push(`took ${Math.round(tookMs)} ms`)
  if (server.stderr() !== '') faults.push(`stderr: ${server.stderr().slice(0, 500)}`)
  for (const line of server.lines) {
    if (line.level === 'error' || line.level === 'warn') faults.push(JSON.stringify(line))
  }
  const end = server.lines.findLast(({ message }) => message === 'shutdown: end')
  if (inOrder && !end) faults.push('it did not say that it ended')
  const { Timeout = 0, Immediate = 0, ...active } = (end?.active ?? {}) as Record<string, number>
  const hasListened = server.lines.some(({ message }) => message === 'listening')
  const mayStay = hasListened ? MAY_STAY : MAY_STAY_AT_START
  const left = Object.keys(active).filter((kind) => !mayStay.includes(kind))
  if (Timeout + Immediate > LOGS) left.push('Timeout')
  if (left.length > 0) faults.push(`left open: ${JSON.stringify(end?.active)}`)
  if (Number(end?.tookMs ?? 0) > DEADLINE_MS) faults.push(`took ${end?.tookMs} ms to end`)
  return faults
}
