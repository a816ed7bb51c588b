import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import { sink } from '../../../../packages/tracing/test/sink.js'
import { ask, askUntilThere, rpc, serve, untilStatus } from '../ask.js'
import type { Probe } from './probe.js'

const admin = 'http://127.0.0.1:8081'

export const healthProbe: Probe = async ({ start }) => {
  await start()
  const notReady = await askUntilThere(`${admin}/ready`)
  expect(notReady.status).toBe(503)
  expect(notReady.json()).toMatchObject({
    status: 'not ready',
    reason: 'dependency',
    checks: { database: { status: 'down', critical: true } },
  })
  expect((await ask(`${admin}/startup`)).json()).toEqual({ status: 'started' })
  const live = await ask(`${admin}/health`)
  expect([live.status, live.json().status]).toEqual([200, 'degraded'])
  const close = await serve(5000, (_req, res) => res.end('pong'))
  try {
    await untilStatus(`${admin}/ready`, 200)
  } finally {
    await close()
  }
  await untilStatus(`${admin}/ready`, 503)
}

export const loggingProbe: Probe = async ({ start }) => {
  const program = await start()
  await rpc('tools/call', { name: 'lookup' }, { 'x-request-id': 'of-a-probe' })
  await program.says('looking up')
  program.signal('SIGUSR2')
  await program.says('newLevel')
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  const lines = program.output().trim().split('\n')
  const about = { service: 'shop', version: '1.4.0' }
  const said = lines.map((line) => JSON.parse(line))
  // Of the access lines a tenth, by chance.
  expect(said.filter(({ sampled }) => sampled === undefined)).toMatchObject([
    { ...about, log: 'audit', decision: 'allowed', method: 'tools/call', tool: 'lookup' },
    { ...about, message: 'looking up', requestId: 'of-a-probe', password: '[redacted]' },
    { ...about, newLevel: 'debug', oldLevel: 'info' },
  ])
}

export const metricsProbe: Probe = async ({ start }) => {
  await start()
  for (const name of ['lookup', 'invented']) await rpc('tools/call', { name })
  const { text } = await askUntilThere(`${admin}/metrics`)
  expect(text).toContain('mcp_requests_total{method="tools/call",status="200"} 2\n')
  expect(text).toContain('mcp_tool_calls_total{tool="lookup",outcome="ok"} 2\n')
  expect(text).toMatch(/^mcp_build_info\{name="shop",version="1\.0\.0",node="v[\d.]+"\} 1$/m)
  expect(text).toMatch(/^mcp_connections_open \d+$/m)
  expect(text).not.toContain('invented')
}

export const profilingProbe: Probe = async ({ start, command, folder }) => {
  const ADMIN_TOKEN = 'of-a-probe-and-long-enough'
  const program = await start({ ADMIN_TOKEN })
  const refused = await askUntilThere(`${admin}/debug/pprof/event-loop?seconds=1`)
  expect(refused.status).toBe(401)
  const before = await profilesIn(folder)
  await command('curl -fOJ', { ADMIN_TOKEN })
  const [file = ''] = (await profilesIn(folder)).filter((name) => !before.includes(name))
  const profile = JSON.parse(await readFile(join(folder, file), 'utf8'))
  expect(profile.nodes.length).toBeGreaterThan(1)
  expect(profile.endTime - profile.startTime).toBeGreaterThan(5_000_000)
  expect(await program.says("kind: 'cpu'")).toContain("ended: 'done'")
}

async function profilesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.cpuprofile'))
}

export const tracingProbe: Probe = async ({ start }) => {
  const collector = await sink()
  const program = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const rows = await askUntilThere('http://127.0.0.1:8080/rows', { headers: { traceparent } })
  program.signal('SIGTERM')
  expect(await program.exit).toBe(0)
  const [query] = collector.named('SELECT rows')
  const [request] = collector.named('GET /rows')
  expect(request).toMatchObject({
    parentSpanId: '00f067aa0ba902b7',
    service: { 'service.name': 'shop', 'service.version': '1.0.0' },
  })
  expect(query).toMatchObject({ traceId: traceparent.slice(3, 35), parentSpanId: request?.spanId })
  expect(rows.json()).toEqual([{ traceId: query?.traceId, spanId: query?.spanId }])
}
