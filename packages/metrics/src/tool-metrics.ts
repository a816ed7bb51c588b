import type { Registry } from 'prom-client'
import { type ExemplarLabels, exemplarCounter, exemplarHistogram } from './exemplars.js'
import { nameLabels, outcomeLabel, TOOL_OUTCOMES } from './labels.js'
import type { Metrics } from './types.js'

interface ToolMetricsOptions {
  tools: readonly string[]
  buckets: number[]
  exemplar: () => ExemplarLabels
}

/** Counts and times tool calls. */
export function toolMetrics(
  registry: Registry,
  options: ToolMetricsOptions,
): Metrics['observeTool'] {
  const { tools, buckets, exemplar } = options
  const toolOf = nameLabels(tools)
  const calls = exemplarCounter(registry, {
    name: 'mcp_tool_calls_total',
    help: 'Tool calls by tool and by how they ended.',
    labelNames: ['tool', 'outcome'],
  })
  const durations = exemplarHistogram(registry, {
    name: 'mcp_tool_duration_seconds',
    help: 'Time that a tool call took, with validation of its input and output.',
    labelNames: ['tool'],
    buckets,
  })
  // From 0, so that the first failure of a tool already is an increase.
  for (const tool of tools) {
    for (const outcome of TOOL_OUTCOMES) calls.inc({ labels: { tool, outcome }, value: 0 })
  }

  return function observeTool({ tool, outcome, durationMs = Number.NaN }) {
    const label = toolOf(tool)
    const exemplarLabels = exemplar()
    calls.inc({ labels: { tool: label, outcome: outcomeLabel(outcome) }, value: 1, exemplarLabels })
    // prom-client throws at what is no finite number, and a metric must never fail a call.
    if (!Number.isFinite(durationMs) || durationMs < 0) return
    durations.observe({ labels: { tool: label }, value: durationMs / 1000, exemplarLabels })
  }
}
