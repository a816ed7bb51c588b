import { cpus } from 'node:os'
import { compare, lastLike, type Measured } from './compare.js'
import type { Options } from './options.js'
import { pageOf } from './page.js'
import { ramp } from './ramp.js'
import { reasonOf } from './reason-of.js'
import { type RecordedCall, recordCall } from './record-call.js'
import { readRuns, shownUrl, withoutSecret, writeRun } from './results.js'
import type { Era, EraRun, Run } from './run.js'
import { runStage, type StageOptions } from './run-stage.js'
import { createServerCpu } from './server-cpu.js'
import { counted, headLine, rate, rowLine, time } from './table.js'
import type { Terminal } from './terminal.js'

/** However long a p99 is allowed: a call that takes longer than this is lost. */
const SHORTEST_TIMEOUT_MS = 10_000

/** The whole test, from the first call to the page. Returns the exit code. @throws Error when the server cannot be called. */
export async function runLoad(options: Options, terminal: Terminal, signal: AbortSignal) {
  const startedAt = new Date().toISOString()
  const calls = await recordAll(options)
  terminal.print(`Calling ${options.tool} of ${shownUrl(options.url)}\n\n${headLine()}`)
  const eras: EraRun[] = []
  for (const call of calls) {
    if (!signal.aborted) eras.push(await runEra(call, options, terminal, signal))
    // One quota is all eras'.
    if (eras.at(-1)?.end.reason === 'limits') break
  }
  await Promise.all(calls.map((call) => call.close()))

  const earlier = await readRuns(options.out)
  const measured = withoutSecret(measuredOf(options, startedAt, eras), options.token)
  const run: Run = { ...measured, comparison: compare(measured, earlier) }
  const written = await writeRun(options.out, run, await pageOf(run, lastLike(measured, earlier)))
  terminal.print(`\n${run.eras.map(conclusion).join('\n')}\n\n${run.comparison.text.join('\n')}`)
  terminal.print(`\n${written.json}\n${written.page}`)
  if (signal.aborted) return 130
  return run.eras.every(({ plan }) => plan !== null) ? 0 : 1
}

/** Before any load: is the server there, is the tool, are the arguments right, in each era? */
async function recordAll(options: Options): Promise<RecordedCall[]> {
  const calls: RecordedCall[] = []
  for (const era of options.eras) {
    calls.push(
      await recordCall(era, options).catch((error: unknown) => {
        const text = `${shownUrl(options.url)}, ${era}: ${reasonOf(error)}`
        throw new Error(withoutSecret(text, options.token))
      }),
    )
  }
  return calls
}

async function runEra(
  call: RecordedCall,
  options: Options,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<EraRun> {
  const { era } = call
  const shared = {
    timeoutMs: Math.max(SHORTEST_TIMEOUT_MS, 2 * options.maxP99Ms),
    signal,
    serverCpu: createServerCpu(options.metricsUrl),
  }
  const stage = (connections: number, seconds: number, title: string) =>
    runStage(call, {
      ...shared,
      connections,
      seconds,
      onSecond: watch(terminal, era, connections, title),
    })
  const ran = await ramp({
    bounds: options,
    maxConnections: options.maxConnections,
    signal,
    run: (connections) => stage(connections, options.stageSeconds, 'calling'),
    warmUp: (connections) => stage(connections, Math.min(2, options.stageSeconds), 'warming up'),
    onStage(done, end) {
      const row = rowLine(done, era)
      terminal.print(end && isBreak(end.reason) ? terminal.bad(row) : row)
    },
  })
  return { era, ...ran }
}

const isBreak = (reason: string) => reason !== 'max-connections' && reason !== 'interrupted'

function watch(terminal: Terminal, era: Era, connections: number, title: string) {
  const show: StageOptions['onSecond'] = (tally, secondsLeft) => {
    const { ok, failed, p99Ms } = tally.now()
    const left = secondsLeft > 0 ? `${secondsLeft} s left` : 'the last answers'
    terminal.progress(
      `${title}, ${counted(connections)}, ${left}: ${ok} calls, p99 ${time(p99Ms)}, ${failed} failed or refused (${era})`,
    )
  }
  return show
}

function conclusion({ era, end, best, plan }: EraRun): string {
  const lines = [`${era} ended at ${counted(end.connections)}: ${end.text}.`]
  if (best) {
    const { connections, callsPerSecond, p99Ms } = best
    lines.push(
      `  best ${rate(callsPerSecond)} calls/s at ${counted(connections)}, p99 ${time(p99Ms)}`,
    )
  }
  if (plan) {
    const { connections, callsPerSecond, p99Ms } = plan
    lines.push(
      `  plan for ${rate(callsPerSecond)} calls/s (70 %); ${counted(connections)} reached it with a p99 of ${time(p99Ms)}`,
    )
  } else lines.push('  so this says nothing about what the server can take')
  return lines.join('\n')
}

function measuredOf(options: Options, startedAt: string, eras: EraRun[]): Measured {
  const { eras: wanted, maxConnections, stageSeconds, maxErrorRate, maxP99Ms } = options
  return {
    format: 1,
    startedAt,
    finishedAt: new Date().toISOString(),
    url: shownUrl(options.url),
    tool: options.tool,
    arguments: options.args,
    options: { eras: [...wanted], maxConnections, stageSeconds, maxErrorRate, maxP99Ms },
    node: process.version,
    machine: { cpus: cpus().length, model: cpus()[0]?.model ?? 'unknown' },
    eras,
  }
}
