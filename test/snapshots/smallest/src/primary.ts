import { randomBytes } from 'node:crypto'
import { allWorkers, type Snapshot } from '@mcp-prod/metrics'
import { memoryMeters } from '@mcp-prod/ratelimit'
import { createServer } from '@mcp-prod/security'
import { countForWorkers, startWorkers, type Workers } from '@mcp-prod/workers'
import { adminApp, adminHosts } from './admin.js'
import type { Config } from './config.js'
import { listen } from './listen.js'
import { shareOf } from './machine.js'
import { MAX_KEYS } from './meters.js'
import { type OwnProcess, stopDeadlineOf } from './process.js'
import { workersDebug } from './workers-debug.js'
import { workersHealth } from './workers-health.js'

/**
 * Leads workers that serve on one port, as one server: it has the private port, counts their limits and their metrics
 * together, replaces those that die, and stops when all of them have.
 */
export async function lead(config: Config, { telemetry, shutdown }: OwnProcess) {
  const { logger, metrics } = telemetry
  const { flags, threadPoolSize } = shareOf(config.WORKERS)
  const workers = startWorkers({
    count: config.WORKERS,
    execArgv: flags,
    // The same number, if it was `auto`.
    env: {
      WORKERS: String(config.WORKERS),
      WORKERS_FILE: undefined,
      UV_THREADPOOL_SIZE: threadPoolSize,
      // A call may be asked back by one worker and go on at another.
      ...(!config.REQUEST_STATE_KEYS && {
        REQUEST_STATE_KEYS: randomBytes(32).toString('base64url'),
      }),
    },
    logger,
    // Their own deadline comes first.
    stopTimeoutMs: stopDeadlineOf(config) + 500,
    onDeath: ({ generation }) => all.gone(generation),
  })
  shutdown.onDrained('workers', workers.stop, { timeoutMs: stopDeadlineOf(config) + 1_000 })
  const all = allWorkers(metrics, () => snapshotsOf(workers))
  workers.onAsk('last metrics', (snapshot, { generation }) =>
    all.keep(generation, snapshot as Snapshot),
  )
  countForWorkers(workers, memoryMeters(MAX_KEYS))
  metrics.observeWorkers(() => workers)
  process.on('SIGUSR2', () => workers.signal('SIGUSR2'))
  // Elsewhere it is the end of a terminal, as for one process.
  if (process.env.NODE_ENV === 'production') process.on('SIGHUP', () => workers.signal('SIGHUP'))

  let started = false
  const blockedBy = () => {
    if (shutdown.draining) return 'draining'
    if (workers.ready > 0) return undefined
    return started ? 'no worker is ready' : 'starting'
  }
  const admin = createServer(
    adminApp({
      telemetry,
      report: workersHealth(workers),
      scrape: all.handler,
      isStarted: () => started,
      blockedBy,
      hosts: adminHosts(config),
      debug: workersDebug(workers, telemetry, config.ADMIN_TOKEN),
    }),
  )
  shutdown.addServer(admin, { last: true })
  // With one port for all there are no workers.
  const port = Number(config.ADMIN_PORT)
  const adminUrl = await listen(admin, 'ADMIN_PORT', config.ADMIN_HOST, port)
  const { details } = await workers.started
  started = true
  const { url, certificate, tools, node } = details
  logger.info('listening', { url, adminUrl, certificate, tools, node, workers: config.WORKERS })
}

async function snapshotsOf(workers: Workers) {
  // A little longer than a worker waits for its own metrics.
  const answers = await workers.askAll('metrics', undefined, { timeoutMs: 3_500 })
  return new Map(
    answers.map(({ worker, payload }) => [worker.generation, payload as Snapshot | undefined]),
  )
}
