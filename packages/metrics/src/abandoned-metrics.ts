import { Counter, Gauge, type Registry } from 'prom-client'
import { nameLabels } from './labels.js'
import type { Metrics } from './types.js'

/** Counts runs that outlived their call: of tools by their names, of prompts and resources by their labels. */
export function abandonedMetrics(
  registry: Registry,
  tools: readonly string[],
): Metrics['observeAbandoned'] {
  const registers = [registry]
  const toolOf = nameLabels(tools)
  const total = new Counter({
    name: 'mcp_tool_abandoned_total',
    help: 'Runs that went on after their call had ended, by tool, prompt or resource.',
    labelNames: ['tool'],
    registers,
  })
  const running = new Gauge({
    name: 'mcp_tool_abandoned_running',
    help: 'Such runs that have not ended yet, by tool, prompt or resource.',
    labelNames: ['tool'],
    registers,
  })
  for (const tool of tools) {
    total.inc({ tool }, 0)
    running.set({ tool }, 0)
  }

  return function observeAbandoned({ tool, ended }) {
    const label = { tool: toolOf(tool) }
    if (ended) return running.dec(label)
    total.inc(label)
    running.inc(label)
  }
}
