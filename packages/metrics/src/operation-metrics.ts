import type { Registry } from 'prom-client'
import { type ExemplarLabels, exemplarCounter, exemplarHistogram } from './exemplars.js'
import { nameLabels, OUTCOMES, outcomeLabel } from './labels.js'
import type { Metrics } from './types.js'

interface OperationMetricsOptions {
  names: readonly string[]
  buckets: number[]
  exemplar: () => ExemplarLabels
}

const METHODS = new Set([
  'prompts/get',
  'resources/read',
  'resources/subscribe',
  'completion/complete',
])
/** What prompts and resources are there for, by the kind that their labels begin with. */
const MAIN_METHODS = new Map([
  ['prompt', 'prompts/get'],
  ['resource', 'resources/read'],
])

/**
 * Counts and times requests for prompts and resources. Not among the tool calls: whoever adds those up must not get reads besides, and
 * a method of its own keeps a prompt that fails apart from its completions, of which there is one for each key that somebody presses.
 */
export function operationMetrics(
  registry: Registry,
  observeTool: Metrics['observeTool'],
  { names, buckets, exemplar }: OperationMetricsOptions,
): Metrics['observeRequest'] {
  const nameOf = nameLabels(names)
  const calls = exemplarCounter(registry, {
    name: 'mcp_operations_total',
    help: 'Requests for a prompt or a resource by method, by its name and by how they ended.',
    labelNames: ['method', 'name', 'outcome'],
  })
  const durations = exemplarHistogram(registry, {
    name: 'mcp_operation_duration_seconds',
    help: 'Time that a request for a prompt or a resource took.',
    labelNames: ['method', 'name'],
    buckets,
  })
  // From 0, so that the first failure already is an increase. Of what is asked besides there would be too many.
  for (const name of names) {
    const method = MAIN_METHODS.get(name.split(':', 1)[0] ?? '')
    if (!method) continue
    for (const outcome of OUTCOMES) calls.inc({ labels: { method, name, outcome }, value: 0 })
  }

  return function observeRequest({ method, name: given = 'other', ...ended }) {
    const { outcome, durationMs = Number.NaN } = ended
    if (method === 'tools/call') return observeTool({ tool: given, ...ended })
    if (!METHODS.has(method)) return
    const name = nameOf(given)
    const exemplarLabels = exemplar()
    calls.inc({
      labels: { method, name, outcome: outcomeLabel(outcome) },
      value: 1,
      exemplarLabels,
    })
    if (!Number.isFinite(durationMs) || durationMs < 0) return
    durations.observe({ labels: { method, name }, value: durationMs / 1000, exemplarLabels })
  }
}
