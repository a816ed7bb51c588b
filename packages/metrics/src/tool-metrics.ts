import { Counter, Histogram, type Registry } from 'prom-client'
import { nameLabels, OUTCOMES, outcomeLabel } from './labels.js'
import type { Metrics } from './metrics.js'

/** Counts and times tool calls. */
export function toolMetrics(
  registry: Registry,
  tools: readonly string[],
  buckets: number[],
): Metrics['observeTool'] {
  const registers = [registry]
  const toolOf = nameLabels(tools)
  const calls = new Counter({
    name: 'mcp_tool_calls_total',
    help: 'Tool calls by tool and by how they ended.',
    labelNames: ['tool', 'outcome'],
    registers,
  })
  const durations = new Histogram({
    name: 'mcp_tool_duration_seconds',
    help: 'Time that a tool call took, with validation of its input and output.',
    labelNames: ['tool'],
    buckets,
    registers,
  })
  // From 0, so that the first failure of a tool already is an increase.
  for (const tool of tools) for (const outcome of OUTCOMES) calls.inc({ tool, outcome }, 0)

  return function observeTool({ tool, outcome, durationMs = Number.NaN }) {
    const label = toolOf(tool)
    calls.inc({ tool: label, outcome: outcomeLabel(outcome) })
    // prom-client throws at a NaN, and a metric must never fail a call.
    if (durationMs >= 0) durations.observe({ tool: label }, durationMs / 1000)
  }
}
