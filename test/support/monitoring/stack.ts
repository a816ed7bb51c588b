import { spawn } from 'node:child_process'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask } from '../faults/ask.js'
import { freePort, track } from '../faults/server.js'
import { type Texts, textOf, withWebhook, writeTexts } from './rendered.js'
import { scaled } from './scaled.js'

export interface StackOptions {
  folder: string
  texts: Texts
  /** So many times faster than the rules are. */
  factor: number
  /** Who is told. */
  webhookUrl: string
}

/** One series of an answer: the values of a range, or the value of a moment. */
interface Series {
  metric: Record<string, string>
  values?: [number, string][]
}

/** A real Prometheus and a real Alertmanager, with a project's rules and routes made faster. */
export async function startStack({ folder, texts, factor, webhookUrl }: StackOptions) {
  const [port, alertmanagerPort] = await Promise.all([freePort(), freePort()])
  const url = `http://127.0.0.1:${port}`
  const alertmanager = `http://127.0.0.1:${alertmanagerPort}`
  const targets = new Map<string, string>()
  const routes = withWebhook(textOf(texts, 'deploy/alertmanager/alertmanager.yml'), webhookUrl)
  await writeTexts(
    folder,
    new Map([
      ['alerts.yml', scaled(textOf(texts, 'deploy/prometheus/alerts.yml'), factor)],
      ['alertmanager.yml', scaled(routes, factor)],
      ['prometheus.yml', configOf(alertmanagerPort)],
      ['targets.json', '[]'],
    ]),
  )
  run(folder, 'prometheus-alertmanager', [
    '--config.file=alertmanager.yml',
    '--storage.path=alertmanager',
    `--web.listen-address=127.0.0.1:${alertmanagerPort}`,
    '--cluster.listen-address=',
    '--log.level=error',
  ])
  run(folder, 'prometheus', [
    '--config.file=prometheus.yml',
    '--storage.tsdb.path=data',
    `--web.listen-address=127.0.0.1:${port}`,
    '--rules.alert.resend-delay=1s',
    '--log.level=error',
  ])
  await Promise.all([untilReady(url), untilReady(alertmanager)])

  async function get<T>(path: string, params: Record<string, string> = {}): Promise<T> {
    const { status, text } = await ask(`${url}/api/v1/${path}?${new URLSearchParams(params)}`)
    if (status !== 200) throw new Error(`${path} ${JSON.stringify(params)}: ${status} ${text}`)
    return (JSON.parse(text) as { data: T }).data
  }

  return {
    /** Scrapes a server's private port from now on, under a name that stays when its port does not. */
    async scrape(job: string, adminUrl: string): Promise<void> {
      targets.set(job, new URL(adminUrl).host)
      const list = [...targets].map(([job, host]) => ({
        targets: [host],
        labels: { job, instance: job },
      }))
      await writeFile(join(folder, 'targets.next'), JSON.stringify(list))
      await rename(join(folder, 'targets.next'), join(folder, 'targets.json'))
    },
    /** Alerts that are pending or fire just now. */
    alerts: async () =>
      (await get<{ alerts: { labels: Record<string, string>; state: string }[] }>('alerts')).alerts,
    rules: async () =>
      (await get<{ groups: { rules: { name: string; lastError?: string }[] }[] }>('rules')).groups,
    range: async (query: string, sinceMs: number) => {
      const [start, end] = [String(sinceMs / 1000), String(Date.now() / 1000)]
      const params = { query, start, end, step: '2' }
      return (await get<{ result: Series[] }>('query_range', params)).result
    },
  }
}

function configOf(alertmanagerPort: number): string {
  return `global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }
rule_files: [alerts.yml]
alerting: { alertmanagers: [{ static_configs: [{ targets: ['127.0.0.1:${alertmanagerPort}'] }] }] }
scrape_configs:
  - job_name: servers
    file_sd_configs: [{ files: [targets.json], refresh_interval: 1s }]
`
}

function run(folder: string, program: string, args: readonly string[]) {
  track(spawn(program, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] }))
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const status = await ask(`${url}/-/ready`).then(
      (answer) => answer.status,
      () => 0,
    )
    if (status === 200) return
    await sleep(100)
  }
  throw new Error(`${url} is not ready`)
}
