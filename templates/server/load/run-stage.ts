import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'undici'
import { judgeAnswer, type Outcome, wordsOf } from './judge-answer.js'
import type { RecordedCall } from './record-call.js'
import type { Stage } from './run.js'
import type { ServerCpu } from './server-cpu.js'
import { createTally, type Tally } from './tally.js'

/** After a refusal, or without an answer, clients wait a little: else a server that refuses fast would be flooded. */
const PAUSE_MS = 100

export interface StageOptions {
  connections: number
  seconds: number
  /** What takes longer is an error. */
  timeoutMs: number
  /** Ends the stage at once. */
  signal: AbortSignal
  serverCpu: ServerCpu
  onSecond?: (tally: Tally, secondsLeft: number) => void
}

export interface StageRun {
  stage: Stage
  limit: ReturnType<Tally['limit']>
}

/**
 * So many callers, each on a connection of its own, each of which calls again as soon as it is answered (a closed loop): when the
 * server is slow they ask less, so a latency says what callers see at so many at once, not at so many calls a second.
 */
export async function runStage(call: RecordedCall, options: StageOptions): Promise<StageRun> {
  const { connections, seconds, signal, serverCpu, onSecond } = options
  const tally = createTally()
  const limited = new AbortController()
  const halt = AbortSignal.any([signal, limited.signal])
  const clients = clientsOf(call, connections, halt)
  const cpuSince = await serverCpu.start()
  const busyBefore = performance.eventLoopUtilization()
  const beganAt = performance.now()
  const endsAt = beganAt + seconds * 1_000
  const ticker = setInterval(() => {
    onSecond?.(tally, Math.max(0, Math.round((endsAt - performance.now()) / 1_000)))
  }, 1_000)

  const callers = clients.map((client) =>
    repeat(client, call, options.timeoutMs, halt, endsAt, (outcome, latencyMs) => {
      tally.add(outcome, latencyMs, performance.now() <= endsAt)
      if (outcome.kind === 'limited') limited.abort()
    }),
  )
  await sleep(seconds * 1_000, undefined, { signal: halt }).catch(() => {})
  const counted = Math.min(seconds, (performance.now() - beganAt) / 1_000)
  const { utilization } = performance.eventLoopUtilization(busyBefore)
  const processors = await cpuSince()
  await Promise.all(callers)
  clearInterval(ticker)
  const numbers = tally.stage(connections, counted, (performance.now() - beganAt) / 1_000)
  const stage = { ...numbers, serverCpu: processors, generatorBusy: utilization }
  return { stage, limit: tally.limit() }
}

function clientsOf(call: RecordedCall, count: number, halt: AbortSignal): Client[] {
  // The bound on a whole call is ours: undici bounds only its silences.
  const options = { headersTimeout: 0, bodyTimeout: 0 }
  const clients = Array.from({ length: count }, () => new Client(call.url.origin, options))
  halt.addEventListener('abort', () => {
    for (const client of clients) void client.destroy()
  })
  return clients
}

let lastId = 1_000

async function repeat(
  client: Client,
  call: RecordedCall,
  timeoutMs: number,
  halt: AbortSignal,
  endsAt: number,
  add: (outcome: Outcome, latencyMs: number) => void,
): Promise<void> {
  while (!halt.aborted && performance.now() < endsAt) {
    const beganAt = performance.now()
    const { outcome, hasAnswer } = await callOnce(client, call, timeoutMs)
    // What was cut off here is no fault of the server.
    if (halt.aborted) break
    add(outcome, performance.now() - beganAt)
    if (outcome.kind === 'refused' || !hasAnswer) await sleep(PAUSE_MS)
  }
  await client.destroy()
}

async function callOnce(client: Client, call: RecordedCall, timeoutMs: number) {
  const id = ++lastId
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), timeoutMs)
  try {
    const { statusCode, headers, body } = await client.request({
      path: call.url.pathname + call.url.search,
      method: 'POST',
      headers: call.headers,
      body: `${call.bodyStart}${id}}`,
      signal: timeout.signal,
    })
    const type = String(headers['content-type'] ?? '')
    const outcome = judgeAnswer(statusCode, type, await body.text(), id)
    return { outcome, hasAnswer: true }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const what = timeout.signal.aborted
      ? `no answer in ${timeoutMs / 1_000} s`
      : wordsOf(code ?? message)
    return { outcome: { kind: 'error', what } satisfies Outcome, hasAnswer: false }
  } finally {
    clearTimeout(timer)
  }
}
