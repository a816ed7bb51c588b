/** What a real Prometheus makes of both formats. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { jsonBody } from '@mcp-prod/rpc'
import express from 'express'
import { expect, it, vi } from 'vitest'
import { createMetrics } from '../src/index.js'
import { closeAfter, ok, request } from './serve.js'

const TRACE = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }

async function listen(app: express.Express): Promise<number> {
  const server = createServer(app).listen(0, '127.0.0.1')
  closeAfter(() => {
    server.closeAllConnections()
    server.close()
  })
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** One job for each format: this Prometheus always prefers OpenMetrics where it is offered. */
async function startPrometheus(target: number) {
  const folder = mkdtempSync(join(tmpdir(), 'metrics-'))
  const jobs = ['open', 'text'].map((name) => ({
    job_name: name,
    metrics_path: `/${name}`,
    static_configs: [{ targets: [`127.0.0.1:${target}`] }],
  }))
  const config = { global: { scrape_interval: '1s' }, scrape_configs: jobs }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const child = spawn('prometheus', [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
    '--enable-feature=exemplar-storage',
  ])
  closeAfter(() => stop(child, folder))
  for await (const line of createInterface({ input: child.stderr })) {
    const [, port] = /msg="Listening on" address=127\.0\.0\.1:(\d+)/.exec(line) ?? []
    if (port) return `http://127.0.0.1:${port}/api/v1`
  }
  throw new Error('prometheus ended')
}

async function stop(child: ChildProcess, folder: string) {
  if (child.exitCode === null) {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  rmSync(folder, { recursive: true })
}

it('gets the same series from both formats, and exemplars with OpenMetrics', async ({ skip }) => {
  const { error } = spawnSync('prometheus', ['--version'])
  if (error && process.env.REQUIRE_COMPONENTS !== '1') skip('prometheus is not installed')
  expect(error).toBeUndefined()
  const metrics = createMetrics({
    name: 'shop "1"\n\\',
    version: '1.2.3',
    tools: ['lookup'],
    dependencies: ['db'],
    exemplarOf: () => TRACE,
  })
  metrics.observeHealth(async () => ({
    ready: true,
    checks: { db: { status: 'up', critical: true, durationMs: 2 } },
  }))
  metrics.observeLog('main', () => 3)
  const asked: IncomingHttpHeaders[] = []
  const app = express()
  app.get(
    '/open',
    (req, _res, next) => {
      asked.push(req.headers)
      next()
    },
    metrics.handler,
  )
  app.get(
    '/text',
    (req, _res, next) => {
      req.headers.accept = 'text/plain;version=0.0.4'
      next()
    },
    metrics.handler,
  )
  app.use(metrics.middleware)
  app.post('/mcp', jsonBody(), ok)
  const port = await listen(app)
  const api = await startPrometheus(port)
  const ask = async <Data>(path: string, parameters: Record<string, string> = {}) => {
    const response = await fetch(`${api}/${path}?${new URLSearchParams(parameters)}`)
    return ((await response.json()) as { data: Data }).data
  }
  const eventually = (check: () => Promise<void>) =>
    vi.waitFor(check, { timeout: 60_000, interval: 500 })

  metrics.observeTool({ tool: 'lookup', outcome: 'ok', durationMs: 30 })
  const body = JSON.stringify(request('tools/call'))
  const headers = { 'content-type': 'application/json' }
  await fetch(`http://127.0.0.1:${port}/mcp`, { method: 'POST', headers, body })

  await eventually(async () => {
    const { activeTargets } = await ask<{ activeTargets: { health: string; lastError: string }[] }>(
      'targets',
    )
    const states = activeTargets.map(({ health, lastError }) => [health, lastError])
    expect(states).toEqual([
      ['up', ''],
      ['up', ''],
    ])
  })
  expect(asked[0]?.accept).toContain('application/openmetrics-text')
  await eventually(async () => {
    const seriesOf = async (job: string) => {
      const { result } = await ask<{ result: { metric: Record<string, string> }[] }>('query', {
        query: `{job="${job}"}`,
      })
      return result.map(({ metric: { job: _, ...labels } }) => JSON.stringify(labels)).sort()
    }
    const open = await seriesOf('open')
    expect(open).toEqual(await seriesOf('text'))
    for (const name of [
      'mcp_requests_total',
      'mcp_tool_calls_total',
      'mcp_request_bytes_total',
      'mcp_log_lines_dropped_total',
      'mcp_health_check_up',
      'process_cpu_seconds_total',
      'process_start_time_seconds',
      'nodejs_gc_duration_seconds_bucket',
    ])
      expect(open.join('\n')).toContain(`"__name__":"${name}"`)
    expect(open.join('\n')).toContain(JSON.stringify('shop "1"\n\\'))
  })
  await eventually(async () => {
    const now = Date.now() / 1000
    const found = await ask('query_exemplars', {
      query: '{__name__=~"mcp_.*"}',
      start: String(now - 600),
      end: String(now + 600),
    })
    const labels = { trace_id: TRACE.traceId, span_id: TRACE.spanId }
    for (const name of [
      'mcp_request_duration_seconds_bucket',
      'mcp_tool_duration_seconds_bucket',
      'mcp_tool_calls_total',
    ])
      expect(found).toContainEqual({
        seriesLabels: expect.objectContaining({ __name__: name, job: 'open' }),
        exemplars: expect.arrayContaining([expect.objectContaining({ labels })]),
      })
  })
}, 120_000)
