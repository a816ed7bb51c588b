import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { weatherServer } from '../templates/+upstream/test/support/weather-server.js'
import { clients, connect } from '../templates/server/test/support/clients.js'
import { certificateAuthority } from './support/certificates.js'
import { must } from './support/command.js'
import { httpsLoad } from './support/https-load.js'
import { noLimits } from './support/no-limits.js'
import { installPacked } from './support/packed.js'
import { type RunningServer, start } from './support/running.js'

const smallest = ['--ci', 'none', '--deploy', 'none', '--no-upstream', '--no-stdio']
const variants = [
  { title: 'every option', flags: [], upstream: true },
  { title: 'the smallest set of options', flags: smallest, upstream: false },
]

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })

let packed: Awaited<ReturnType<typeof installPacked>>
let upstream: Awaited<ReturnType<typeof weatherServer>>
beforeAll(async () => {
  packed = await installPacked()
  upstream = await weatherServer()
})
afterAll(async () => {
  await packed.remove()
  upstream.close()
})

describe.each(variants)('a server with $title', ({ flags, upstream: hasUpstream }) => {
  let parent: string
  let folder: string
  let server: RunningServer

  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'mcp-prod-written-'))
    folder = join(parent, 'my-server')
  })
  afterAll(async () => {
    server?.process.kill('SIGKILL')
    await rm(parent, { recursive: true, force: true })
  })

  it('is written, installed, built and committed by the packed command', async () => {
    const printed = await must(
      packed.command,
      ['my-server', '--yes', '--kit', packed.kit, ...flags],
      parent,
    )
    expect(printed).toContain('cd my-server')
    expect(printed).toContain('http://127.0.0.1:8080/mcp')
    expect(printed).not.toMatch(/mcp_dev_[A-Za-z0-9_-]{20}/)
    expect(existsSync(join(folder, 'dist/main.js'))).toBe(true)
    expect((await stat(join(folder, '.env'))).mode & 0o777).toBe(0o600)
    const committed = await must('git', ['ls-files'], folder)
    expect(committed).toContain('src/main.ts')
    expect(committed).not.toMatch(/^\.env$|node_modules|^dist\//m)
    expect(await readdir(parent)).toEqual(['my-server'])
  })

  it('takes the kit from its own folder, so that it can be moved and put into an image', async () => {
    const lock = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8'))
    const kit = Object.entries<{ resolved?: string }>(lock.packages).filter(([path]) =>
      path.includes('@mcp-prod/'),
    )
    expect(kit.length).toBeGreaterThan(10)
    for (const [path, { resolved }] of kit)
      expect(resolved, path).toMatch(/^file:vendor\/mcp-prod-.*\.tgz$/)
  })

  it('passes its own checks and tests', async () => {
    await must('npm', ['run', 'check'], folder)
    await must('npm', ['test'], folder)
  })

  it('gets a tool from its generator, tested and listed, and still passes', async () => {
    await must('npm', ['run', 'generate', 'tool', 'find_order'], folder)
    expect(await readFile(join(folder, 'src/tools/index.ts'), 'utf8')).toContain('  findOrder,\n')
    await must('npm', ['run', 'check'], folder)
    await must('npx', ['vitest', 'run', 'test/tools/find-order.test.ts'], folder)
    await must('npm', ['run', 'build'], folder)
  })

  it('starts and answers its probes and metrics', async () => {
    server = await start(folder, { WEATHER_URL: upstream.url, SHUTDOWN_GRACE: '300ms' })
    for (const probe of ['/health', '/ready']) {
      expect((await fetch(server.adminUrl + probe)).status, probe).toBe(200)
      expect((await fetch(new URL(probe, server.url))).status, `${probe} on the public port`).toBe(
        404,
      )
    }
    const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text()
    expect(metrics).toContain('# TYPE mcp_requests_total counter')
    expect(metrics).toContain('nodejs_eventloop_lag')
  })

  it.each(clients)('lets %s call every tool', async (_, open) => {
    const client = await open(server.url, server.key)
    const { tools } = await client.listTools()
    const examples: Record<string, object> = {
      summarize_numbers: { numbers: [1, 2, 3, 4] },
      countdown: { seconds: 1 },
      find_order: { text: 'abc' },
      ...(hasUpstream && { current_weather: { latitude: 59.3, longitude: 18.1 } }),
    }
    expect(tools.map((tool) => tool.name).sort()).toEqual(Object.keys(examples).sort())
    for (const [name, args] of Object.entries(examples)) {
      const result = await client.callTool({ name, arguments: args as Record<string, unknown> })
      expect(result.isError, name).toBeFalsy()
      expect(result.structuredContent, name).toBeTypeOf('object')
    }
    await client.close()
  })

  it('counted every call, and logged whose it was without the key', async () => {
    const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text()
    expect(metrics).toContain('mcp_tool_calls_total{tool="summarize_numbers",outcome="ok"} 3')
    const about = server.lines.filter((line) => line.tool === 'summarize_numbers')
    const access = about.filter((line) => line.message === 'request')
    const audited = about.filter((line) => line.log === 'audit')
    expect([access.length, audited.length]).toEqual([3, 3])
    expect(audited[0]).toMatchObject({ principal: 'developer', decision: 'allowed', outcome: 'ok' })
    expect(access[0]).toMatchObject({
      principal: 'developer',
      status: 200,
      rpcMethod: 'tools/call',
    })
    expect(JSON.stringify(server.lines)).not.toContain(server.key)
  })

  it('answers the slow call in flight at SIGTERM, says unready meanwhile and exits with 0', async () => {
    const client = await connect(server.url, server.key)
    let working = () => {}
    const begun = new Promise<void>((resolve) => {
      working = resolve
    })
    const call = client.callTool(
      { name: 'countdown', arguments: { seconds: 3 } },
      { onprogress: () => working() },
    )
    await begun
    server.process.kill('SIGTERM')
    await expect.poll(async () => (await fetch(`${server.adminUrl}/ready`)).status).toBe(503)
    expect((await call).structuredContent).toEqual({ waitedSeconds: 3 })
    expect(await server.exited).toBe(0)
  })

  it('takes over a key that its own command makes, and drops one that is removed, without a restart', async () => {
    server = await start(folder, { SHUTDOWN_GRACE: '100ms' })
    const words = ['run', '--silent', 'key', '--', 'bob', '--scope', 'stats:read']
    const printed = await must('npm', words, folder)
    const [key = ''] = /mcp_[A-Za-z0-9-]+_[\w-]{43}/.exec(printed) ?? []
    const callsWith = (token: string) =>
      connect(server.url, token).then(
        (client) => client.close().then(() => true),
        () => false,
      )
    await expect.poll(() => callsWith(key), { timeout: 20_000, interval: 500 }).toBe(true)
    const list = join(folder, 'keys.json')
    const entries: { principal: string }[] = JSON.parse(await readFile(list, 'utf8'))
    await writeFile(list, JSON.stringify(entries.filter(({ principal }) => principal !== 'bob')))
    await expect.poll(() => callsWith(key), { timeout: 20_000, interval: 500 }).toBe(false)
    expect(await callsWith(server.key)).toBe(true)
    server.process.kill('SIGTERM')
    expect(await server.exited).toBe(0)
  })

  it('serves HTTPS, knows a client by its certificate, and swaps its own under load', async () => {
    const ca = await certificateAuthority(join(parent, 'ca'))
    for (const name of ['first', 'second']) await ca.sign(name, `/O=Acme/CN=${name}`)
    await ca.sign('robot', '/O=Acme/CN=robot')
    const [certificate, key] = [ca.path('tls.crt'), ca.path('tls.key')]
    await copyFile(ca.path('first.crt'), certificate)
    await copyFile(ca.path('first.key'), key)
    server = await start(folder, {
      TLS_CERT_FILE: certificate,
      TLS_KEY_FILE: key,
      TLS_CLIENT_CA_FILE: ca.path('ca.crt'),
      TLS_CLIENTS: '[{"subject":"CN=robot,O=Acme","scopes":["stats:read"]}]',
      ...noLimits,
      LOG_LEVEL: 'info',
      SHUTDOWN_GRACE: '100ms',
    })
    expect(server.url.protocol).toBe('https:')
    const curl = ['-s', '--cacert', ca.path('ca.crt'), '-o', '/dev/null', '-w', '%{http_code}']
    const post = [
      '-H',
      'Content-Type: application/json',
      '-H',
      'Accept: application/json, text/event-stream',
      '-d',
      list,
    ]
    const robot = ['--cert', ca.path('robot.crt'), '--key', ca.path('robot.key')]
    expect(await must('curl', [...curl, ...post, server.url.href], folder)).toBe('401')
    expect(await must('curl', [...curl, ...post, ...robot, server.url.href], folder)).toBe('200')
    // The pipe brings the line a moment after the answer.
    await expect
      .poll(() => server.lines.some(({ principal }) => principal === 'CN=robot,O=Acme'))
      .toBe(true)

    const load = httpsLoad(server.url, {
      ca: await readFile(ca.path('ca.crt')),
      headers: {
        authorization: `Bearer ${server.key}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: list,
    })
    await expect.poll(() => load.seen.get('first') ?? 0, { timeout: 20_000 }).toBeGreaterThan(50)
    // One after the other, as a renewal does it: in between they do not match.
    await rename(ca.path('second.crt'), certificate)
    await expect
      .poll(
        () => server.lines.some(({ message }) => message === 'the certificate is not replaced'),
        { timeout: 20_000 },
      )
      .toBe(true)
    await rename(ca.path('second.key'), key)
    await expect.poll(() => load.seen.get('second') ?? 0, { timeout: 20_000 }).toBeGreaterThan(50)
    await load.stop()
    expect(load.failures).toEqual([])
    server.process.kill('SIGTERM')
    expect(await server.exited).toBe(0)
  })
})
