import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Selection } from '../generators/dist/features.js'
import { root } from './support/command.js'
import { noCompose, type Stack, startStack } from './support/compose/stack.js'
import { build, needBases } from './support/image/engine.js'
import { type ImageProject, imageProject } from './support/image/project.js'
import { textsOf } from './support/workflows/rendered.js'

interface Service {
  image?: string
  environment?: Record<string, string>
  ports?: string[]
  healthcheck?: { test: string[] }
  deploy?: { replicas: number }
  [field: string]: unknown
}

const variants: Record<string, Selection> = {
  'API keys': { postgres: true, redis: true, tracing: true },
  'OAuth tokens': { auth: 'apikey+jwt', deploy: 'compose' },
  introspection: { auth: 'introspection', deploy: 'compose' },
}

describe.each(Object.entries(variants))('compose.yaml with %s', (_, selection) => {
  let texts: Map<string, string>
  let services: Record<string, Service>
  beforeAll(async () => {
    texts = await textsOf(selection)
    services = parse(texts.get('compose.yaml') ?? '').services
  })

  it('has two servers behind a proxy, whom nobody reaches past it', () => {
    expect(services['my-server']?.deploy?.replicas).toBe(2)
    expect(services['my-server']?.ports).toEqual(['127.0.0.1::8081'])
    expect(services.proxy?.ports).toEqual(['127.0.0.1:8080:8080'])
    expect(services['my-server']?.environment?.TRUST_PROXY).toBe('1')
    expect(texts.get('deploy/proxy/haproxy.cfg')).toContain('my-server:8080')
    expect(texts.get('deploy/prometheus/prometheus.yml')).toContain("names: ['my-server']")
  })

  it('locks every container up, and opens ports on this machine alone', () => {
    for (const [name, service] of Object.entries(services)) {
      // PostgreSQL starts as root and writes beside its data.
      if (name !== 'postgres')
        expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
      expect(service.security_opt, name).toEqual(['no-new-privileges:true'])
      expect(service.mem_limit, name).toMatch(/^\d+m$/)
      for (const port of service.ports ?? []) expect(port, name).toMatch(/^127\.0\.0\.1:/)
      // Without it `up --wait` ends before it answers.
      expect(service.healthcheck?.test.length, name).toBeGreaterThan(1)
      if (name !== 'my-server') expect(service.image, name).toMatch(/^docker\.io\/.+:v?\d/)
    }
  })

  it('sets what the server reads, and nothing else', () => {
    const known = texts.get('.env.example') ?? ''
    for (const setting of Object.keys(services['my-server']?.environment ?? {}))
      expect(known, setting).toMatch(new RegExp(`^${setting.replace(/_FILE$/, '')}=`, 'm'))
  })

  it('has the authorization server for development in a file of its own', () => {
    const auth = texts.get('compose.auth.yaml')
    expect(auth !== undefined).toBe(String(selection.auth ?? '').length > 0)
    if (auth === undefined) return
    const { 'my-server': server, 'auth-server': issuer } = parse(auth).services
    expect(server).toEqual({ deploy: { replicas: 1 }, ports: ['127.0.0.1:8089:8089'] })
    expect(issuer.network_mode).toBe('service:my-server')
    expect(texts.get('Dockerfile')).toContain(`AS ${issuer.build.target}\n`)
  })
})

describe.skipIf(noCompose())(`compose.yaml, up ${noCompose() ?? ''}`, () => {
  const slug = 'my-server'
  let project: ImageProject
  let stack: Stack
  const calls = async (...args: (number | string)[]) => {
    const tsx = join(root, 'node_modules/.bin/tsx')
    const script = join(root, 'test/support/compose/calls.ts')
    const url = 'http://127.0.0.1:8080/mcp'
    return JSON.parse(await stack.run(tsx, script, url, project.key, ...args.map(String)))
  }
  const query = async (expression: string): Promise<Record<string, number>> => {
    const at = 'http://127.0.0.1:9090/api/v1/query'
    const said = await stack.run('curl', '-s', at, '--data-urlencode', `query=${expression}`)
    const { data } = JSON.parse(said)
    return Object.fromEntries(
      data.result.map((it: { metric: { instance: string }; value: [number, string] }) => [
        it.metric.instance,
        Number(it.value[1]),
      ]),
    )
  }
  beforeAll(async () => {
    await needBases()
    project = await imageProject(['--redis'])
    await build(project.folder, 'localhost/mcp-prod-test/compose:test')
    stack = await startStack(project.folder, slug)
  }, 600_000)
  afterAll(async () => {
    await stack?.down()
    await project?.remove()
  })

  it('becomes healthy, in the order of what needs what', async () => {
    await stack.compose('up', '--detach', '--no-build', 'redis', 'prometheus', 'proxy')
    const names = ['my-server_1', 'my-server_2', 'prometheus_1', 'proxy_1', 'redis_1']
    await expect
      .poll(() => stack.states(), { timeout: 60_000, interval: 1_000 })
      .toEqual(
        Object.fromEntries(
          names.map((name) => [`${stack.project}_${name}`, expect.stringMatching(/\(healthy\)/)]),
        ),
      )
  })

  it('answers calls through the proxy, from both servers, each seen by Prometheus', async () => {
    expect((await calls(40, 4)).seen).toEqual({ right: 40 })
    await expect
      .poll(() => query('mcp_tool_calls_total{tool="summarize_numbers"} > 0'), {
        timeout: 30_000,
        interval: 1_000,
      })
      .toSatisfy((found: object) => Object.keys(found).length === 2)
    expect(Object.values(await query('up{job="my-server"}'))).toEqual([1, 1])
  })

  it('believes the proxy, and nobody else, who is calling', async () => {
    const { lie } = await calls(1, 1, '203.0.113.7')
    expect(lie).toMatch(/^HTTP\/1\.1 4/)
    const logs = await stack.compose('logs', '--no-color', slug)
    const addresses = [...logs.matchAll(/"remoteAddress":"([^"]+)"/g)].map(([, it]) => it)
    expect(addresses.length).toBeGreaterThan(0)
    const proxy = await stack.run(
      'podman',
      'inspect',
      '--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
      `${stack.project}_proxy_1`,
    )
    expect(addresses).not.toContain('203.0.113.7')
    expect(addresses).not.toContain(proxy.trim())
  })

  it('cancels the call of who leaves', async () => {
    const params = { name: 'countdown', arguments: { seconds: 9 } }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const headers = [
      `Authorization: Bearer ${project.key}`,
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
    ].flatMap((header) => ['-H', header])
    const url = 'http://127.0.0.1:8080/mcp'
    const leave = ['-s', '--max-time', '1', ...headers, '-d', body, url]
    await stack.run('sh', '-c', 'curl "$@"; test $? = 28', 'sh', ...leave)
    const cancelled = 'mcp_tool_calls_total{tool="countdown",outcome="cancelled"} > 0'
    await expect
      .poll(() => query(cancelled), { timeout: 30_000, interval: 1_000 })
      .toSatisfy((found: object) => Object.keys(found).length === 1)
  })

  it('loses no call while a server stops, and has it back', async () => {
    const running = calls(120, 4)
    await stack.run('podman', 'stop', '--time=35', `${stack.project}_${slug}_1`)
    const { seen } = await running
    expect(seen).toEqual({ right: 120 })
    expect(
      await stack.run(
        'podman',
        'inspect',
        '--format={{.State.ExitCode}}',
        `${stack.project}_${slug}_1`,
      ),
    ).toBe('0\n')
    await stack.run('podman', 'start', `${stack.project}_${slug}_1`)
    await expect
      .poll(async () => (await stack.states())[`${stack.project}_${slug}_1`], {
        timeout: 60_000,
        interval: 1_000,
      })
      .toMatch(/\(healthy\)/)
  })

  it('counts limits for both servers together', async () => {
    const { seen, seconds } = await calls(700, 8)
    // A quarter more, for what each allows by itself when a busy machine's Redis is late; apart they would allow twice as much.
    expect(seen.right).toBeLessThan(1.25 * (300 + 5 * seconds))
    expect(seen.right).toBeGreaterThan(50)
    expect(Object.keys(seen).sort()).toEqual(['429', 'right'])
  })
})
