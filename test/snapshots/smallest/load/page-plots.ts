import type { Markup } from './markup.js'
import { html } from './markup.js'
import { type Line, plotOf } from './plot.js'
import type { EraRun, Run, Stage } from './run.js'
import { doublings, linear, logarithmic } from './scales.js'
import { rate, time } from './table.js'

const PERCENTILES = ['p50', 'p90', 'p99'] as const

/** Throughput and latency over connections. All eras, and the run before, share their axes: so they can be compared by eye. */
export function eraPlots(now: EraRun, run: Run, last: Run | undefined): Markup {
  const then = last?.eras.find(({ era }) => era === now.era)
  const x = {
    label: 'connections',
    scale: doublings(all(run, last, ({ connections }) => connections)),
  }
  const rates = linear(all(run, last, ({ callsPerSecond }) => callsPerSecond))
  const { maxP99Ms } = run.options
  const latencies = all(run, last, ({ latencyMs }) =>
    latencyMs ? PERCENTILES.map((name) => latencyMs[name]) : [],
  )
  // Far away from every point the bound would only press them together.
  const isNear = Math.max(0, ...latencies) * 20 > maxP99Ms
  const end = { x: Math.max(1, now.end.connections), label: 'end' }
  const dashed = then ? 'Dashed: the last run.' : ''
  const throughput = plotOf({
    id: `throughput-${now.era}`,
    title: `Throughput of ${now.era}`,
    description: `Successful calls a second by connections. ${dashed} The table below has the numbers.`,
    x,
    y: { label: 'calls/s', scale: rates, shown: (value) => rate(value).replace(/\.0+$/, '') },
    lines: both(throughputLines, now, then),
    end,
  })
  const latency = plotOf({
    id: `latency-${now.era}`,
    title: `Latency of ${now.era}`,
    description: `50th, 90th and 99th percentile by connections, on a logarithmic axis. ${dashed} The table below has the numbers.`,
    x,
    y: {
      label: 'latency',
      scale: logarithmic(isNear ? [...latencies, maxP99Ms] : latencies),
      shown: (value) => time(value).replace(/\.0+(?= )/, ''),
    },
    lines: both(latencyLines, now, then),
    end,
    ...(isNear && { bound: { y: maxP99Ms, label: `p99 allowed: ${time(maxP99Ms)}` } }),
  })
  const caption = (text: string) => html`<figcaption>${text} ${dashed}</figcaption>`
  return html`<figure>${throughput}${caption('Throughput.')}</figure>
<figure>${latency}${caption('Latency, logarithmic.')}</figure>`
}

function all(run: Run, last: Run | undefined, of: (stage: Stage) => number | number[]): number[] {
  const eras = [...run.eras, ...(last?.eras ?? [])]
  return eras.flatMap(({ stages }) => stages.flatMap(of))
}

function both(lines: (era: EraRun) => Line[], now: EraRun, then: EraRun | undefined): Line[] {
  const dashed = then ? lines(then).map((line) => ({ ...line, isLast: true })) : []
  return [...lines(now), ...dashed]
}

function throughputLines({ stages }: EraRun): Line[] {
  const points = stages.map(({ connections: x, callsPerSecond: y }) => ({ x, y }))
  return [{ name: 'calls', className: 'rate', points }]
}

function latencyLines({ stages }: EraRun): Line[] {
  return PERCENTILES.map((name) => ({
    name,
    className: name,
    points: stages.flatMap(({ connections: x, latencyMs }) =>
      latencyMs ? [{ x, y: latencyMs[name] }] : [],
    ),
  }))
}
