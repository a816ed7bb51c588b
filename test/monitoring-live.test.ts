import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Selection } from '../generators/dist/features.js'
import { postgresServer } from '../templates/+postgres/test/support/postgres-server.js'
import { redisServer } from '../templates/+redis/test/support/redis-server.js'
import { openSession, request } from '../templates/+sessions/test/support/session.js'
import { certificateAuthority } from './support/certificates.js'
import { ask } from './support/faults/ask.js'
import { callNumbers, callTool } from './support/faults/call.js'
import { change } from './support/faults/change.js'
import { missing } from './support/faults/components.js'
import { type FaultServer, killAll, startServer } from './support/faults/server.js'
import { fineAnswer, weatherUpstream } from './support/faults/upstream.js'
import { callers } from './support/monitoring/callers.js'
import { dashboardOf, queriesOf, substituted } from './support/monitoring/dashboard.js'
import { load } from './support/monitoring/load.js'
import { describeSample, readSample } from './support/monitoring/operations.js'
import { monitoringOf, type Texts } from './support/monitoring/rendered.js'
import { emittedBy, unknownSeries, unusedSeries } from './support/monitoring/series.js'
import { startStack } from './support/monitoring/stack.js'
import { type Notice, receiver, webhook } from './support/monitoring/webhook.js'
import { type Project, writeServer } from './support/project.js'

/** Five minutes are fifteen seconds. */
const FACTOR = 20
/** 180 are an hour of the rules' time. */
const seriesOfWorkers = ['mcp_worker_restarts_total', 'mcp_workers', 'mcp_workers_ready']
const QUIET_MS = Number(process.env.QUIET_SECONDS ?? 45) * 1_000
/** For two busy processors. */
const WITHIN_MS = 120_000
const SLOW_MS = 1_200
const selection: Selection = { postgres: true, redis: true, tracing: true, sessions: true }

const lacking =
  missing('prometheus (Debian: prometheus)', ['prometheus', '--version']) ??
  missing('prometheus-alertmanager', ['prometheus-alertmanager', '--version']) ??
  missing('openssl', ['openssl', 'version'])
const home = process.cwd()
const startedAt = Date.now()

let project: Project
let texts: Texts
let folder: string
let stack: Awaited<ReturnType<typeof startStack>>
let phone: Awaited<ReturnType<typeof webhook>>
let collector: Awaited<ReturnType<typeof receiver>>
let upstream: Awaited<ReturnType<typeof weatherUpstream>>
let postgres: Awaited<ReturnType<typeof postgresServer>>
let redis: Awaited<ReturnType<typeof redisServer>>
let server: FaultServer
let users: ReturnType<typeof load>
let keys: string[]
let API_KEYS: string

async function start(env: NodeJS.ProcessEnv = {}): Promise<FaultServer> {
  return startServer(project, {
    env: {
      DATABASE_URL: postgres?.url,
      REDIS_URL: redis?.url,
      WEATHER_URL: upstream.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      API_KEYS,
      // One for each of two callers; a third finds none left.
      MAX_SESSIONS: '2',
      MAX_SESSIONS_PER_PRINCIPAL: '1',
      ...env,
    },
  })
}

beforeAll(async () => {
  if (lacking) return
  texts = await monitoringOf(selection)
  folder = await mkdtemp(join(tmpdir(), 'monitoring-live-'))
  project = await writeServer('monitoring-live', selection)
  ;({ keys, API_KEYS } = callers(project, 2))
  // What a bug does: it throws, or it computes for ever.
  await change(
    project,
    'tools/summarize-numbers.js',
    'run({ numbers }) {',
    `run({ numbers }) {
        if (numbers[0] === 666) throw new Error('a bug')
        const end = Date.now() + (numbers[0] === 667 ? 2_000 : 0)
        while (Date.now() < end);`,
  )
  await change(
    project,
    'prompts/describe-sample.js',
    'run: ({ sample }) =>',
    `run: ({ sample }) => sample === 'dice' ? sample.bug() :`,
  )
  // The helpers read files of the project by their path from its folder.
  process.chdir(project.folder)
  ;[postgres, redis] = await Promise.all([postgresServer(), redisServer()])
  process.chdir(home)
  if (!postgres || !redis) return
  ;[phone, collector, upstream] = await Promise.all([webhook(), receiver(), weatherUpstream()])
  stack = await startStack({ folder, texts, factor: FACTOR, webhookUrl: phone.url })
  const authority = await certificateAuthority(join(folder, 'tls'))
  await authority.sign('server', '/CN=localhost', 90)
  const [TLS_CERT_FILE, TLS_KEY_FILE] = ['server.crt', 'server.key'].map(authority.path)
  server = await start()
  const encrypted = await start({ TLS_CERT_FILE, TLS_KEY_FILE })
  await stack.scrape('main', server.adminUrl)
  await stack.scrape('encrypted', encrypted.adminUrl)
  const calls = [
    () => callNumbers(server),
    () => callTool(server, 'current_weather', { latitude: 59.3, longitude: 18.1 }),
    () => callTool(server, 'find_articles', { text: 'lamp' }),
    () => callTool(server, 'remember', { name: 'note', text: 'milk' }),
    () => callTool(server, 'recall', { name: 'note' }),
    () => readSample(server, 'primes'),
    () => describeSample(server, 'primes'),
  ]
  users = load(calls, 100)
})
afterAll(async () => {
  process.chdir(home)
  await users?.stop()
  await killAll()
  await Promise.all([postgres?.close(), redis?.close(), upstream?.close()])
  phone?.close()
  collector?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})

const isAbout =
  (alert: string, status: Notice['status']) =>
  ({ labels, ...notice }: Notice) =>
    labels.job === 'main' && labels.alertname === alert && notice.status === status

/** Whoever is on call hears of each of the alerts, from now on. */
async function hears(status: Notice['status'], alerts: readonly string[], from: number) {
  const heard = () =>
    alerts.filter((alert) => phone.notices.slice(from).some(isAbout(alert, status)))
  await expect.poll(heard, { timeout: WITHIN_MS, interval: 250 }).toEqual(alerts)
}

interface Breakage {
  breaks: () => unknown
  mends: () => unknown
  /** An alert that fires too, and of which nobody need hear beside the others. */
  inhibited?: string
}

/** Breaks something until the alerts fire, mends it, and waits until they are over. */
async function firesAndResolves(alerts: readonly string[], { breaks, mends, inhibited }: Breakage) {
  const from = phone.notices.length
  await breaks()
  await hears('firing', alerts, from)
  if (inhibited) {
    const fires = async () =>
      (await stack.alerts()).some(
        ({ labels, state }) => labels.alertname === inhibited && state === 'firing',
      )
    await expect.poll(fires, { timeout: WITHIN_MS, interval: 250 }).toBe(true)
  }
  await mends()
  await hears('resolved', alerts, from)
  for (const alert of alerts) {
    const notice = phone.notices.slice(from).find(isAbout(alert, 'firing'))
    expect(notice?.labels).toMatchObject({ severity: expect.stringMatching(/^(page|ticket)$/) })
    expect(notice?.annotations.summary).toContain('main')
    expect(notice?.annotations.runbook_url).toMatch(
      new RegExp(`^https://.*#${alert.toLowerCase()}$`),
    )
  }
}

describe.skipIf(lacking)('Prometheus and Alertmanager that watch a real server', () => {
  beforeEach(({ skip }) => {
    if (!server) skip('PostgreSQL or Redis is not installed')
  })

  it('are silent while all is well', async () => {
    await sleep(QUIET_MS)
    expect(users.answered()).toBeGreaterThan(50)
    const asked = [
      callNumbers(server),
      readSample(server, 'primes'),
      describeSample(server, 'primes'),
    ]
    for (const { status, text } of await Promise.all(asked)) {
      expect(status).toBe(200)
      expect(text).not.toContain('"error"')
    }
    expect(await stack.alerts()).toEqual([])
    expect(phone.notices).toEqual([])
    const rules = (await stack.rules()).flatMap(({ rules }) => rules)
    expect(rules.length).toBeGreaterThan(40)
    expect(rules.filter(({ lastError }) => lastError)).toEqual([])
  })

  it('tell of a flood of strangers to nobody', async () => {
    const strangers = load([() => callNumbers({ ...server, key: 'mcp_dev_stranger' })], 10)
    await sleep(20_000)
    await strangers.stop()
    expect(strangers.answered()).toBeGreaterThan(100)
    expect(await stack.alerts()).toEqual([])
    expect(phone.notices).toEqual([])
  })

  it('tell of errors', async () => {
    let bug: ReturnType<typeof load> | undefined
    await firesAndResolves(['McpErrorBudgetBurnFast'], {
      breaks: () => {
        bug = load([() => callTool(server, 'summarize_numbers', { numbers: [666] })], 50)
      },
      mends: () => bug?.stop(),
    })
  })

  it('tell of a prompt that fails, and not of resources that do not exist', async () => {
    const strays = load([() => readSample(server, 'nowhere')], 50)
    const from = phone.notices.length
    await sleep(15_000)
    expect(strays.answered()).toBeGreaterThan(50)
    expect(phone.notices.slice(from).filter(isAbout('McpErrorBudgetBurnFast', 'firing'))).toEqual(
      [],
    )
    await strays.stop()
    let bug: ReturnType<typeof load> | undefined
    await firesAndResolves(['McpErrorBudgetBurnFast'], {
      breaks: () => {
        bug = load([() => describeSample(server, 'dice')], 50)
      },
      mends: () => bug?.stop(),
    })
  })

  it('tell of a slow dependency', async () => {
    const weather = () => callTool(server, 'current_weather', { latitude: 59.3, longitude: 18.1 })
    let more: ReturnType<typeof load>[] = []
    await firesAndResolves(['McpLatencyBudgetBurnFast'], {
      breaks: () => {
        upstream.breaks((socket) => setTimeout(() => socket.write(fineAnswer), SLOW_MS))
        more = Array.from({ length: 10 }, () => load([weather], 10))
      },
      mends: async () => {
        await Promise.all(more.map(({ stop }) => stop()))
        await upstream.well()
      },
    })
  })

  it('tell of a dependency that is away, and of its breaker', async () => {
    await firesAndResolves(['McpBreakerOpen', 'McpDependencyDown'], {
      breaks: upstream.refuses,
      mends: upstream.well,
    })
  })

  it('tell of a database without which the server is not ready', async () => {
    await firesAndResolves(['McpCriticalDependencyDown', 'McpDown'], {
      breaks: () => postgres?.stop(),
      mends: () => postgres?.start(),
    })
  })

  it('tell of limits and events that each replica has alone, without Redis', async () => {
    await firesAndResolves(['McpLimitsNotShared', 'McpDependencyDown'], {
      inhibited: 'McpEventsNotShared',
      breaks: () => redis?.stop(),
      mends: () => redis?.start(),
    })
  })

  it('tell of clients that find no session left', async () => {
    const [first = '', second = '', third = ''] = keys
    let sessions: Awaited<ReturnType<typeof openSession>>[] = []
    let newcomer: ReturnType<typeof load> | undefined
    await firesAndResolves(['McpSessionsRefused'], {
      inhibited: 'McpSessionsNearLimit',
      breaks: async () => {
        sessions = await Promise.all([first, second].map((key) => openSession(server.url, key)))
        const refused = await request(server.url, third, 'initialize')
        expect(refused.status).toBe(503)
        await refused.text()
        const initialize = async () => (await request(server.url, third, 'initialize')).text()
        newcomer = load([initialize], 500)
      },
      mends: async () => {
        await newcomer?.stop()
        await Promise.all(sessions.map(({ end }) => end()))
      },
    })
  })

  it('tell of work that blocks the whole process', async () => {
    await firesAndResolves(['McpEventLoopBlocked'], {
      breaks: () => callTool(server, 'summarize_numbers', { numbers: [667] }),
      mends: () => {},
    })
  })

  it('tell of a server that was killed', async () => {
    await firesAndResolves(['McpDown'], {
      breaks: () => server.process.kill('SIGKILL'),
      mends: async () => {
        server = await start()
        await stack.scrape('main', server.adminUrl)
      },
    })
  })

  it('tell of nothing that is not so: each series is emitted, and each is used', async ({
    skip,
  }) => {
    if (!server) skip('PostgreSQL or Redis is not installed')
    const emitted = emittedBy((await ask(`${server.adminUrl}/metrics`)).text)
    // What a primary emits of its workers is seen in workers.test.ts.
    expect(unknownSeries(texts, emitted).sort()).toEqual(seriesOfWorkers)
    expect(unusedSeries(texts, emitted)).toEqual([])
  })

  it('have data for every query of the dashboard', async () => {
    const { text } = await ask(`${server.adminUrl}/metrics`)
    const isBounded = /^mcp_memory_limit_bytes /m.test(text)
    const queries = queriesOf(dashboardOf(texts))
    expect(queries.length).toBeGreaterThan(50)
    const empty: string[] = []
    for (const { title, expr } of queries) {
      // Outside of a container there is no limit.
      if (expr.includes('mcp_memory_limit_bytes') && !isBounded) continue
      const series = await stack.range(substituted(expr, '10s'), startedAt)
      const values = series.flatMap(({ values = [] }) => values.map(([, value]) => Number(value)))
      if (!values.some(Number.isFinite)) empty.push(`${title}: ${expr}`)
    }
    expect(empty).toEqual([])
  })
})
