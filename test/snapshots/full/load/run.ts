import { z } from 'zod'

/** The revisions that are called; the server serves both from one endpoint. */
export const ERAS = ['2026-07-28', '2025-11-25'] as const
export type Era = (typeof ERAS)[number]

const count = z.int().min(0)
const amount = z.number().min(0)

const stageSchema = z.object({
  connections: z.int().min(1),
  seconds: amount,
  /** Every call that was answered, refused or has failed. */
  calls: count,
  /** Of the calls that succeeded. */
  callsPerSecond: amount,
  /** Of the calls that succeeded; null where none did. */
  latencyMs: z.object({ p50: amount, p90: amount, p99: amount, max: amount }).nullable(),
  errors: count,
  /** 503: the server protects itself. */
  refused: count,
  /** What went wrong, and how often. */
  failures: z.array(z.object({ what: z.string(), count })),
  /** Processors that the server used; null where its metrics were not reached. */
  serverCpu: amount.nullable(),
  /** The part of the time in which this program itself was busy. */
  generatorBusy: amount,
})

const endSchema = z.object({
  reason: z.enum([
    ...['errors', 'refusals', 'latency', 'throughput', 'limits', 'generator'],
    ...['max-connections', 'interrupted'],
  ] as const),
  connections: z.int().min(0),
  text: z.string(),
})

const pointSchema = z.object({
  connections: z.int().min(1),
  callsPerSecond: amount,
  p99Ms: amount,
})

const eraSchema = z.object({
  era: z.enum(ERAS),
  stages: z.array(stageSchema),
  end: endSchema,
  /** The stage with the most calls a second within the bounds; null where no stage was. */
  best: pointSchema.nullable(),
  /** What to plan with: a part of the best. Null where the best is not the server's. */
  plan: pointSchema.nullable(),
})

const comparisonSchema = z.object({
  /** When the run began that this one is compared with; null where there is none. */
  startedAt: z.string().nullable(),
  text: z.array(z.string()),
  eras: z.array(
    z.object({
      era: z.enum(ERAS),
      throughputRatio: amount.nullable(),
      p99Ratios: z.array(z.object({ connections: z.int(), ratio: amount })),
    }),
  ),
})

/** A run as its file has it. */
export const runSchema = z.object({
  format: z.literal(1),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  /** Without what may be secret in it. */
  url: z.string(),
  tool: z.string(),
  arguments: z.record(z.string(), z.unknown()),
  options: z.object({
    eras: z.array(z.enum(ERAS)),
    maxConnections: z.int(),
    stageSeconds: z.number(),
    maxErrorRate: z.number(),
    maxP99Ms: z.number(),
  }),
  node: z.string(),
  machine: z.object({ cpus: z.int(), model: z.string() }),
  eras: z.array(eraSchema),
  comparison: comparisonSchema,
})

export type Run = z.infer<typeof runSchema>
export type EraRun = z.infer<typeof eraSchema>
export type Stage = z.infer<typeof stageSchema>
export type End = z.infer<typeof endSchema>
export type Point = z.infer<typeof pointSchema>
export type Comparison = z.infer<typeof comparisonSchema>
