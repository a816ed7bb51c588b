import type { End, Stage } from './run.js'
import { time } from './table.js'

export interface Bounds {
  /** Share of the calls that may fail, and as much again that may be refused. */
  maxErrorRate: number
  maxP99Ms: number
}

/** A doubling that gives less than this much more gives nothing. */
const GROWTH = 1.05
const DOUBLINGS = 2
/** Busier than this the generator measures itself. */
const GENERATOR_BUSY = 0.95

/** What is wrong with a stage by itself. */
export function faultOf(stage: Stage, bounds: Bounds): End | undefined {
  const { connections, calls, errors, refused, latencyMs } = stage
  const end = (reason: End['reason'], text: string): End => ({ reason, connections, text })
  const allowed = `${percents(bounds.maxErrorRate)} are allowed`
  // A stage in which nothing was answered has failed too.
  if (calls === 0) return end('errors', 'no call was answered at all')
  if (errors / calls > bounds.maxErrorRate) {
    return end(
      'errors',
      `${percents(errors / calls)} of the calls failed${mostly(stage)}; ${allowed}`,
    )
  }
  if (refused / calls > bounds.maxErrorRate) {
    return end(
      'refusals',
      `the server sheds load: it refused ${percents(refused / calls)} of the calls${mostly(stage)}; ${allowed}`,
    )
  }
  if (latencyMs === null || latencyMs.p99 <= bounds.maxP99Ms) return undefined
  if (stage.generatorBusy >= GENERATOR_BUSY) return end('generator', generatorText(stage))
  return end('latency', `p99 was ${time(latencyMs.p99)}, of ${time(bounds.maxP99Ms)} allowed`)
}

/** Why the ramp ends with the last of these stages, if it does: whichever comes first. */
export function judgeStage(stages: readonly Stage[], bounds: Bounds): End | undefined {
  const last = stages.at(-1)
  if (last === undefined) return undefined
  const fault = faultOf(last, bounds)
  if (fault) return fault
  const before = stages.slice(0, -DOUBLINGS)
  if (before.length === 0) return undefined
  const best = Math.max(...before.map((stage) => stage.callsPerSecond))
  const since = stages.slice(-DOUBLINGS)
  if (since.some((stage) => stage.callsPerSecond >= best * GROWTH)) return undefined
  const { connections } = last
  if (last.generatorBusy >= GENERATOR_BUSY) {
    return { reason: 'generator', connections, text: generatorText(last) }
  }
  const more = since.map((stage) => stage.connections).join(' and ')
  const text = `no more throughput: ${more} connections gave hardly more than ${before.at(-1)?.connections}`
  return { reason: 'throughput', connections, text: text + cpuText(last) }
}

/** Far below the processors it has, something else holds it up: a dependency, a lock, a neighbour. */
function cpuText({ serverCpu }: Stage): string {
  return serverCpu === null ? '' : `, with ${serverCpu.toFixed(2)} processors used by the server`
}

function generatorText({ generatorBusy }: Stage): string {
  return `the load generator itself was ${percents(generatorBusy)} busy, so this is its limit and not the server's; run it on another machine, or several of it`
}

function mostly({ failures: [first] }: Stage): string {
  return first ? `, mostly ${JSON.stringify(first.what)}` : ''
}

export function percents(share: number): string {
  const value = share * 100
  return `${value > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} %`
}
