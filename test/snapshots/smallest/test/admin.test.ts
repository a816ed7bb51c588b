import { once } from 'node:events'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from '@mcp-prod/security'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { adminHosts, createAdmin } from '../src/admin.js'
import { tools } from '../src/tools/index.js'
import { keptTelemetry } from './support/kept-telemetry.js'

describe('the private port', () => {
  const token = 'a-token-of-the-people-on-call'
  const authorization = { Authorization: `Bearer ${token}` }
  const kept = keptTelemetry()
  const { telemetry } = kept
  let blocked: string | undefined = 'starting'
  let started = false
  async function admin(secret: string | undefined, hosts: readonly string[] = []) {
    const app = createAdmin({
      checks: {},
      telemetry: secret === undefined ? keptTelemetry().telemetry : telemetry,
      isStarted: () => started,
      blockedBy: () => blocked,
      hosts,
      token: secret,
    })
    const server = createServer(app).listen(0, '127.0.0.1')
    await once(server, 'listening')
    afterAll(() => {
      server.closeAllConnections()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  let url: string
  beforeAll(async () => {
    url = await admin(token)
  })

  it('tells start, life and readiness apart', async () => {
    const statuses = () =>
      Promise.all(
        ['/startup', '/health', '/ready'].map(async (path) => (await fetch(url + path)).status),
      )
    expect(await statuses()).toEqual([503, 200, 503])
    blocked = undefined
    started = true
    expect(await statuses()).toEqual([200, 200, 200])
    blocked = 'draining'
    expect(await statuses()).toEqual([200, 200, 503])
    blocked = undefined
  })

  it('changes the level of the log while the server runs, for those with the token', async () => {
    const change = (headers: Record<string, string>) =>
      fetch(`${url}/debug/log-level`, { method: 'PUT', headers, body: '{"level":"warn"}' })
    expect((await change({})).status).toBe(401)
    expect(telemetry.logger.level).toBe('debug')
    expect((await change(authorization)).status).toBe(200)
    expect(telemetry.logger.level).toBe('warn')
    const said = await kept.logs()
    expect(said).toMatch(
      /"remoteAddress":"127.0.0.1","method":"debug","decision":"unauthenticated"/,
    )
    expect(said).toMatch(/"remoteAddress":"127.0.0.1","method":"log-level","decision":"allowed"/)
  })

  it('takes a profile, one at a time, and says so in the audit', async () => {
    const profile = () => fetch(`${url}/debug/pprof/cpu?seconds=1`, { headers: authorization })
    expect((await fetch(`${url}/debug/pprof/cpu?seconds=1`)).status).toBe(401)
    const [first, second] = await Promise.all([profile(), profile()])
    expect([first.status, second.status].sort()).toEqual([200, 409])
    const taken = (await (first.status === 200 ? first : second).json()) as { nodes: unknown[] }
    expect(taken.nodes.length).toBeGreaterThan(0)
    expect(await kept.logs()).toContain('"method":"profile"')
  })

  it.each(['127.0.0.1', '::1', 'localhost'])(
    'is closed to web pages through a rebound name where it listens on %s',
    async (ADMIN_HOST) => {
      const hosts = adminHosts({ ADMIN_HOST })
      const { hostname, port } = new URL(await admin(undefined, hosts))
      const statusFor = (host: string) =>
        new Promise((resolve, reject) => {
          const options = { hostname, port, path: '/startup', headers: { host } }
          request(options, (res) => resolve(res.resume().statusCode))
            .on('error', reject)
            .end()
        })
      expect(await statusFor(`rebound.example:${port}`)).toBe(403)
      for (const name of ['localhost', '127.0.0.1', '[::1]'])
        expect(await statusFor(`${name}:${port}`), name).toBe(200)
    },
  )

  it('answers probes and scrapers, which ask by address, where it listens on others', () => {
    for (const ADMIN_HOST of ['0.0.0.0', '::', '10.0.0.7'])
      expect(adminHosts({ ADMIN_HOST })).toEqual([])
  })

  it('has no such thing without a token', async () => {
    const closed = await admin(undefined)
    for (const path of ['/debug/pprof/cpu', '/debug/log-level'])
      expect((await fetch(closed + path, { headers: authorization })).status, path).toBe(404)
  })

  it('counts from zero what alerts look at', async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    for (const { name } of tools)
      expect(text).toContain(`mcp_tool_calls_total{tool="${name}",outcome="error"} 0`)
  })
})
