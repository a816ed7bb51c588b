import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Selection } from '../generators/dist/features.js'
import { root } from './support/command.js'
import { missing } from './support/faults/components.js'
import { dashboardOf, shownOf, substituted } from './support/monitoring/dashboard.js'
import {
  alertsOf,
  checked,
  monitoringOf,
  rulesOf,
  sectionsOf,
  type Texts,
  textOf,
  withWebhook,
  writeTexts,
} from './support/monitoring/rendered.js'
import {
  documented,
  type Emitted,
  emittedBy,
  unknownSeries,
  unusedSeries,
} from './support/monitoring/series.js'

const variants: Record<string, Selection> = {
  everything: { auth: 'apikey+jwt', postgres: true, redis: true, tracing: true, sessions: true },
  smallest: { ci: 'none', deploy: 'none', upstream: false, stdio: false },
  'redis alone': { upstream: false, redis: true },
  'sessions alone': { upstream: false, sessions: true },
}
const noPromtool = missing('promtool (Debian: prometheus)', ['promtool', '--version'])
const noAmtool = missing('amtool (Debian: prometheus-alertmanager)', ['amtool', '--version'])

let known: Emitted
beforeAll(async () => {
  known = await documented()
})

describe.each(Object.entries(variants))(
  'what watches the server with %s',
  (_variant, selection) => {
    let texts: Texts
    let folder: string
    let prometheus: string
    beforeAll(async () => {
      texts = await monitoringOf(selection)
      folder = await mkdtemp(join(tmpdir(), 'monitoring-'))
      prometheus = join(folder, 'deploy/prometheus')
      await writeTexts(folder, texts)
    })
    afterAll(() => rm(folder, { recursive: true, force: true }))

    it.skipIf(noPromtool)('has rules that promtool takes', () => {
      expect(checked('promtool', ['check', 'rules', 'alerts.yml'], prometheus)).toMatchObject({
        ok: true,
      })
    })

    it.skipIf(noPromtool)('has alerts that fire when they should, and only then', () => {
      const { ok, said } = checked('promtool', ['test', 'rules', 'alerts.test.yml'], prometheus)
      expect(ok, said).toBe(true)
    })

    it('tries each alert', () => {
      const { tests } = parse(textOf(texts, 'deploy/prometheus/alerts.test.yml')) as {
        tests: { alert_rule_test: { alertname: string; exp_alerts?: unknown[] }[] }[]
      }
      const tried = tests.flatMap(({ alert_rule_test }) => alert_rule_test)
      const fired = tried.filter(({ exp_alerts = [] }) => exp_alerts.length > 0)
      const names = alertsOf(texts).map(({ alert }) => alert)
      expect([...new Set(fired.map(({ alertname }) => alertname))].sort()).toEqual(names.sort())
    })

    it('says of each alert how urgent it is, what it means, with values, and where help is', () => {
      const alerts = alertsOf(texts)
      expect(alerts.length).toBeGreaterThan(20)
      const link = '{{ with query "mcp:runbook:info" }}{{ . | first | label "url" }}{{ end }}'
      for (const { alert, labels, annotations } of alerts) {
        expect(labels.severity, alert).toMatch(/^(page|ticket)$/)
        expect(annotations.summary, alert).toMatch(/.{20}/)
        expect(annotations.description, alert).toMatch(/.{20}/)
        expect(annotations.runbook_url).toBe(`${link}#${alert.toLowerCase()}`)
      }
      expect(
        rulesOf(texts).find(({ record }) => record === 'mcp:runbook:info')?.labels?.url,
      ).toMatch(/^https:\/\//)
    })

    it('has a section of the runbook for each alert, of the same severity, and for nothing else', () => {
      const alerts = alertsOf(texts)
      expect(sectionsOf(texts)).toEqual(alerts.map(({ alert }) => alert))
      const runbook = textOf(texts, 'RUNBOOK.md')
      for (const { alert, labels } of alerts) {
        const [, section = ''] = runbook.split(`## ${alert}\n`)
        expect(section.trimStart().startsWith(`**${labels.severity}**.`), alert).toBe(true)
        for (const part of ['First look:', '**Likely.**', '**Do.**', '**Roll back**'])
          expect(section.split('\n## ')[0], alert).toContain(part)
      }
    })

    it('has links that lead somewhere', () => {
      const runbook = textOf(texts, 'RUNBOOK.md')
      const headings = [...runbook.matchAll(/^## (.+)$/gm)].map(([, heading = '']) => heading)
      const anchors = new Set(
        headings.map((heading) => `#${heading.toLowerCase().replaceAll(' ', '-')}`),
      )
      const inRunbook = [...runbook.matchAll(/\]\((#[\w-]+)\)/g)]
      const inPanels = shownOf(dashboardOf(texts)).flatMap(({ links = [] }) => links)
      for (const [, anchor = ''] of inRunbook) expect(anchors).toContain(anchor)
      for (const { url } of inPanels) {
        expect(url).toMatch(/^\$\{runbook\}#/)
        expect(anchors).toContain(url.slice(url.indexOf('#')))
      }
    })

    it('has a dashboard whose panels explain themselves and do not lie on each other', () => {
      const dashboard = dashboardOf(texts)
      const { panels, templating } = dashboard
      const rows = panels.filter(({ type }) => type === 'row').map(({ title }) => title)
      const about = [
        'Traffic',
        'Errors',
        'Latency',
        'Saturation',
        'Tools',
        'Prompts and resources',
        'Dependencies',
        'Limits',
      ]
      expect(rows).toEqual(expect.arrayContaining(about))
      expect(templating.list.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['datasource', 'job', 'instance', 'tool', 'runbook']),
      )
      expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
      for (const { title, description, links, fieldConfig, targets } of shownOf(dashboard)) {
        expect(description, title).toMatch(/.{20}/)
        expect(links?.length, title).toBeGreaterThan(0)
        expect(fieldConfig?.defaults.unit, title).toBeTypeOf('string')
        for (const { expr } of targets ?? []) expect(substituted(expr, '1m')).not.toContain('$')
      }
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      )
      expect(new Set(cells).size).toBe(cells.length)
    })

    it('names no series that is not emitted', () => {
      expect(unknownSeries(texts, known)).toEqual([])
    })

    it('knows neither pools, spans, sessions nor what is shared where there are none', () => {
      const all = [...texts.values()].join('\n')
      expect(all.includes('mcp_pool_')).toBe(Boolean(selection.postgres || selection.redis))
      expect(all.includes('mcp_spans_')).toBe(Boolean(selection.tracing))
      expect(all.includes('McpPoolExhausted')).toBe(Boolean(selection.postgres))
      for (const shared of [
        'mcp_limits_',
        'mcp_events_',
        'McpLimitsNotShared',
        'McpEvents',
        '"shared ',
      ])
        expect(all.includes(shared), shared).toBe(Boolean(selection.redis))
      for (const theirs of ['mcp_session', 'McpSessions', 'MAX_SESSIONS'])
        expect(all.includes(theirs), theirs).toBe(Boolean(selection.sessions))
    })

    it('watches the limits of what runs at once and of overload everywhere', () => {
      const names = alertsOf(texts).map(({ alert }) => alert)
      expect(names).toEqual(expect.arrayContaining(['McpSheddingLoad', 'McpConcurrencyNearLimit']))
      const about = ['McpSheddingLoad', 'McpConcurrencyNearLimit', 'McpCallersLimited']
      const links = shownOf(dashboardOf(texts)).flatMap(({ links = [] }) => links)
      expect(links.map(({ url }) => url)).toEqual(
        expect.arrayContaining(about.map((name) => `\${runbook}#${name.toLowerCase()}`)),
      )
    })

    if (selection.deploy !== 'none') {
      it.skipIf(noPromtool)('has a Prometheus that is configured well', async () => {
        const config = textOf(texts, 'deploy/prometheus/prometheus.yml')
        const local = config.replace('/etc/prometheus', prometheus)
        expect(local).not.toBe(config)
        await writeTexts(folder, new Map([['prometheus.yml', local]]))
        const { ok, said } = checked('promtool', ['check', 'config', 'prometheus.yml'], folder)
        expect(ok, said).toBe(true)
      })

      it.skipIf(noAmtool)('has an Alertmanager that is configured well', async () => {
        const config = textOf(texts, 'deploy/alertmanager/alertmanager.yml')
        const url = textOf(texts, 'deploy/alertmanager/webhook-url.example').trim()
        await writeTexts(folder, new Map([['alertmanager.yml', withWebhook(config, url)]]))
        const { ok, said } = checked('amtool', ['check-config', 'alertmanager.yml'], folder)
        expect(ok, said).toBe(true)
      })

      it('inhibits by alerts that there are', () => {
        const { inhibit_rules } = parse(textOf(texts, 'deploy/alertmanager/alertmanager.yml')) as {
          inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[]
        }
        const names = alertsOf(texts).map(({ alert }) => alert)
        for (const { source_matchers, target_matchers } of inhibit_rules) {
          for (const matcher of [...source_matchers, ...target_matchers]) {
            const pattern = /^alertname =~? "?([^"]+)"?$/.exec(matcher)?.[1] ?? ''
            for (const one of pattern.split('|')) {
              const isOne = new RegExp(`^(${one})$`)
              expect(
                names.some((name) => isOne.test(name)),
                one,
              ).toBe(true)
            }
          }
        }
      })

      it('has Prometheus, Alertmanager and Grafana beside the server, locked up and for this machine alone', () => {
        const { services, secrets } = parse(textOf(texts, 'compose.yaml')) as {
          services: Record<string, Record<string, unknown> | undefined>
          secrets: Record<string, unknown>
        }
        for (const name of ['prometheus', 'alertmanager', 'grafana']) {
          const service = services[name] ?? {}
          expect(service, name).toMatchObject({
            image: expect.stringMatching(/^docker\.io\/\w+\/\w+:v?\d+\.\d+\.\d+$/),
            read_only: true,
            cap_drop: ['ALL'],
            security_opt: ['no-new-privileges:true'],
            mem_limit: expect.stringMatching(/^\d+m$/),
          })
          for (const port of service.ports as string[]) expect(port).toMatch(/^127\.0\.0\.1:/)
          for (const volume of service.volumes as string[]) {
            const [from = ''] = volume.split(':')
            if (!from.startsWith('./')) continue
            const paths = [...texts.keys()].filter((path) => `./${path}`.startsWith(from))
            expect(paths, from).not.toEqual([])
          }
        }
        expect(secrets.alert_webhook).toBeDefined()
      })
    }
  },
)

it('uses every series of ours somewhere', async () => {
  const texts = await monitoringOf(variants.everything ?? {})
  expect(unusedSeries(texts, known)).toEqual([])
})

it('leaves out of the alert on dependencies the checks that the server has by these names', async () => {
  const texts = await monitoringOf(variants['redis alone'] ?? {})
  const { expr } = alertsOf(texts).find(({ alert }) => alert === 'McpDependencyDown') ?? {}
  const [, names = ''] = /check=~"([^"]+)"/.exec(expr ?? '') ?? []
  const isLeftOut = new RegExp(`^(${names})$`)
  for (const [file, check] of Object.entries({
    meters: 'shared limits',
    events: 'shared events',
  })) {
    const source = await readFile(join(root, `templates/+redis/src/${file}.ts`), 'utf8')
    expect(source).toContain(`'${check}': {`)
    expect(check).toMatch(isLeftOut)
  }
  // Of Redis itself it tells.
  expect('redis').not.toMatch(isLeftOut)
})

describe('the check of names', () => {
  it('finds what is not emitted and what is not used', async () => {
    const texts = await monitoringOf(variants.smallest ?? {})
    const few = emittedBy('# TYPE mcp_ready gauge\n# TYPE mcp_forgotten_total counter\n')
    expect(unknownSeries(texts, few)).toContain('mcp_requests_total')
    expect(unknownSeries(texts, few)).not.toContain('mcp_ready')
    expect(unusedSeries(texts, few)).toEqual(['mcp_forgotten_total'])
  })
})
