import { ramp } from '../../load/ramp.js'
import type { EraRun, Run, Stage } from '../../load/run.js'

/** A stage as a healthy server has it. */
const stage = (connections: number, change: Partial<Stage> = {}): Stage => ({
  connections,
  seconds: 1,
  calls: 1_000,
  callsPerSecond: 100 * connections,
  latencyMs: { p50: 5, p90: 8, p99: 10, max: 20 },
  errors: 0,
  refused: 0,
  failures: [],
  serverCpu: null,
  generatorBusy: 0.1,
  ...change,
})

/** The ramp against a server that behaves like this. */
export async function rampOf(
  change: (connections: number) => Partial<Stage>,
  limitAt = Number.POSITIVE_INFINITY,
) {
  const asked: number[] = []
  async function run(connections: number) {
    asked.push(connections)
    const limit = connections >= limitAt ? { what: '429', remedy: 'A_LIMIT' } : undefined
    return { stage: stage(connections, change(connections)), limit }
  }
  const ran = await ramp({
    bounds: { maxErrorRate: 0.01, maxP99Ms: 1_000 },
    maxConnections: 64,
    signal: new AbortController().signal,
    run,
    warmUp: run,
    onStage() {},
  })
  return { ...ran, asked }
}

/** A run with this one era in it. */
export const runOf = (
  { stages, end, best, plan }: Omit<EraRun, 'era'>,
  change: Partial<Run> = {},
): Run => ({
  format: 1,
  startedAt: '2026-01-02T03:04:05.678Z',
  finishedAt: '2026-01-02T03:05:05.678Z',
  url: 'http://127.0.0.1:8080/mcp',
  tool: 'work',
  arguments: {},
  options: {
    eras: ['2026-07-28'],
    maxConnections: 64,
    stageSeconds: 1,
    maxErrorRate: 0.01,
    maxP99Ms: 1_000,
  },
  node: 'v24.0.0',
  machine: { cpus: 2, model: 'fast' },
  eras: [{ era: '2026-07-28', stages, end, best, plan }],
  comparison: { startedAt: null, text: ['Not compared.'], eras: [] },
  ...change,
})
