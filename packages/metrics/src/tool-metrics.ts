import type { Registry } from 'prom-client'
import type { ExemplarLabels } from './exemplars.js'
import { hotCounter, hotHistogram } from './hot-series.js'
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
  const countCall = hotCounter(registry, {
    name: 'mcp_tool_calls_total',
    help: 'Tool calls by tool and by how they ended.',
    labelNames: ['tool', 'outcome'],
  })
  const observeDuration = hotHistogram(registry, {
    name: 'mcp_tool_duration_seconds',
    help: 'Time that a tool call took, with validation of its input and output.',
    labelNames: ['tool'],
    buckets,
  })
  // From 0, so that the first failure of a tool already is an increase.
  for (const tool of tools) {
    for (const outcome of TOOL_OUTCOMES) countCall.from0(tool, outcome)
  }

  return function observeTool({ tool, outcome, durationMs = Number.NaN }) {
    const label = toolOf(tool)
    const exemplarLabels = exemplar()
    countCall(label, outcomeLabel(outcome), exemplarLabels)
    // prom-client throws at what is no finite number, and a metric must never fail a call.
    if (!Number.isFinite(durationMs) || durationMs < 0) return
    observeDuration(label, durationMs / 1000, exemplarLabels)
  }
}
