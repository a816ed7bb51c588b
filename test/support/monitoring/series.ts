import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createMetrics } from '@mcp-prod/metrics'
import { root } from '../command.js'
import { dashboardOf, queriesOf } from './dashboard.js'
import { rulesOf, type Texts, textOf } from './rendered.js'

const NAME = /(?<![\w:$])(?:mcp|process|nodejs)_[a-z0-9_]+/g

/** The series that a text names; of a histogram its own name. */
export function namedIn(text: string, histograms: ReadonlySet<string>): Set<string> {
  const plain = (name: string) => {
    const base = name.replace(/_(bucket|sum|count)$/, '')
    return histograms.has(base) ? base : name
  }
  return new Set((text.match(NAME) ?? []).map(plain))
}

/** Series by their names, and which of them are histograms or summaries. */
export interface Emitted {
  names: ReadonlySet<string>
  histograms: ReadonlySet<string>
}

/** What a scrape in the text format of Prometheus declares. */
export function emittedBy(scrape: string): Emitted {
  const types = [...scrape.matchAll(/^# TYPE (\S+) (\S+)$/gm)]
  const isSpread = (type = '') => type === 'histogram' || type === 'summary'
  return {
    names: new Set(types.map(([, name = '']) => name)),
    histograms: new Set(types.filter(([, , type]) => isSpread(type)).map(([, name = '']) => name)),
  }
}

/** What the README of the package `metrics` documents, and what prom-client adds to it. */
export async function documented(): Promise<Emitted> {
  const readme = await readFile(join(root, 'packages/metrics/README.md'), 'utf8')
  const rows = readme.split('\n').filter((line) => /^\| `mcp_/.test(line))
  const own = rows.flatMap((row) => [...row.matchAll(/`(mcp_[a-z_]+)`/g)].map(([, name]) => name))
  const { names, histograms } = emittedBy(await createMetrics().registry.metrics())
  return {
    names: new Set([...names, ...own.filter((name) => name !== undefined)]),
    histograms,
  }
}

/** The texts that name series: expressions of rules and panels, and the runbook. */
export function usersOf(texts: Texts): string[] {
  return [
    ...rulesOf(texts).map(({ expr }) => expr),
    ...queriesOf(dashboardOf(texts)).map(({ expr }) => expr),
    textOf(texts, 'RUNBOOK.md'),
  ]
}

/** What is used and never emitted. */
export function unknownSeries(texts: Texts, { names, histograms }: Emitted): string[] {
  const used = usersOf(texts).flatMap((text) => [...namedIn(text, histograms)])
  return [...new Set(used.filter((name) => !names.has(name)))]
}

/** What of ours is emitted and never used. */
export function unusedSeries(texts: Texts, { names, histograms }: Emitted): string[] {
  const used = new Set(usersOf(texts).flatMap((text) => [...namedIn(text, histograms)]))
  return [...names].filter((name) => name.startsWith('mcp_') && !used.has(name))
}
