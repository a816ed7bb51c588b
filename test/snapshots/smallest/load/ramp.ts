import { type Bounds, faultOf, judgeStage } from './judge-stage.js'
import type { End, EraRun, Point, Stage } from './run.js'
import type { StageRun } from './run-stage.js'

/** What to plan with: so much of the best leaves room for peaks and for a replica that is away. */
const PLAN_SHARE = 0.7
/** Stages between the last that was good and the first that was not. */
const BISECTIONS = 2
const WARM_UP_CONNECTIONS = 4

export interface RampOptions {
  bounds: Bounds
  maxConnections: number
  signal: AbortSignal
  run(connections: number): Promise<StageRun>
  /** Shorter, and counted nowhere. */
  warmUp(connections: number): Promise<StageRun>
  onStage(stage: Stage, end: End | undefined): void
}

/** Doubles the connections until a stage is the breaking point, then looks closer where that is. */
export async function ramp(options: RampOptions): Promise<Omit<EraRun, 'era'>> {
  const { bounds, maxConnections, signal, onStage } = options
  const stages: Stage[] = []
  const warm = await options.warmUp(Math.min(WARM_UP_CONNECTIONS, maxConnections))
  let end = cutShort(warm, signal)
  for (
    let connections = 1;
    end === undefined;
    connections = Math.min(2 * connections, maxConnections)
  ) {
    const ran = await options.run(connections)
    stages.push(ran.stage)
    end = cutShort(ran, signal) ?? judgeStage(stages, bounds)
    if (end === undefined && connections === maxConnections) end = notBroken(maxConnections)
    onStage(ran.stage, end)
  }
  if (['errors', 'refusals', 'latency'].includes(end.reason)) {
    end = await bisect(options, stages, end)
  }
  stages.sort((a, b) => a.connections - b.connections)
  return { stages, end, ...recommend(stages, end, bounds) }
}

function cutShort({ stage, limit }: StageRun, signal: AbortSignal): End | undefined {
  const { connections } = stage
  if (limit)
    return { reason: 'limits', connections, text: `limited by ${limit.remedy} (${limit.what})` }
  if (signal.aborted) return { reason: 'interrupted', connections, text: 'interrupted' }
  return undefined
}

function notBroken(connections: number): End {
  const text = 'not broken by so many; --max-connections allows more'
  return { reason: 'max-connections', connections, text }
}

async function bisect(options: RampOptions, stages: Stage[], first: End): Promise<End> {
  let end = first
  let good = stages.at(-2)?.connections ?? 0
  for (let step = 0; step < BISECTIONS && good > 0; step++) {
    const middle = Math.round((good + end.connections) / 2)
    if (middle === good || middle === end.connections) break
    const ran = await options.run(middle)
    const cut = cutShort(ran, options.signal)
    // What is known already stays known.
    if (cut) break
    stages.push(ran.stage)
    const fault = faultOf(ran.stage, options.bounds)
    if (fault) end = fault
    else good = middle
    options.onStage(ran.stage, fault)
  }
  return end
}

function recommend(
  stages: readonly Stage[],
  end: End,
  bounds: Bounds,
): Pick<EraRun, 'best' | 'plan'> {
  const points = stages
    .filter((stage) => faultOf(stage, bounds) === undefined)
    .flatMap(({ connections, callsPerSecond, latencyMs }): Point[] =>
      latencyMs ? [{ connections, callsPerSecond, p99Ms: latencyMs.p99 }] : [],
    )
  const [best] = points.toSorted((a, b) => b.callsPerSecond - a.callsPerSecond)
  if (best === undefined) return { best: null, plan: null }
  const callsPerSecond = best.callsPerSecond * PLAN_SHARE
  const enough = points.find((point) => point.callsPerSecond >= callsPerSecond) ?? best
  // A limit, or who broke the test off, says nothing about what the server can take.
  const isServers = !['limits', 'interrupted', 'generator'].includes(end.reason)
  return { best, plan: isServers ? { ...enough, callsPerSecond } : null }
}
