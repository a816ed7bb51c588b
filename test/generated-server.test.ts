import { copyFile, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { weatherServer } from '../templates/+upstream/test/support/weather-server.js'
import { clients, connect } from '../templates/server/test/support/clients.js'
import { certificateAuthority } from './support/certificates.js'
import { must } from './support/command.js'
import { httpsLoad } from './support/https-load.js'
import { lay } from './support/laid.js'
import { noLimits } from './support/no-limits.js'
import { type RunningServer, start } from './support/running.js'

const variants = [
  { title: 'every option', selection: {}, upstream: true },
  {
    title: 'the smallest set of options',
    selection: { ci: 'none', deploy: 'none', upstream: false, stdio: false },
    upstream: false,
  },
]

const list = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })

let upstream: Awaited<ReturnType<typeof weatherServer>>
beforeAll(async () => {
  upstream = await weatherServer()
})
afterAll(() => {
  upstream.close()
})

// That it is written and installed by the command is seen in stranger.test.ts, its own tests in combinations.test.ts.
describe.each(variants)('a server with $title', ({ selection, upstream: hasUpstream }) => {
  let folder: string
  let remove: () => Promise<void>
  let server: RunningServer

  beforeAll(async () => {
    ;({ folder, remove } = await lay(selection))
    await must('npm', ['run', 'build'], folder)
  })
  afterAll(async () => {
    server?.process.kill('SIGKILL')
    await remove()
  })

  it('gets a tool, a resource and a prompt from its generators, tested and listed, and still passes', async () => {
    const made = { tools: 'find_order', resources: 'price_list', prompts: 'review_order' }
    for (const [kinds, name] of Object.entries(made)) {
      await must('npm', ['run', 'generate', kinds.slice(0, -1), name], folder)
      const variable = name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
      const list = await readFile(join(folder, `src/${kinds}/index.ts`), 'utf8')
      expect(list).toContain(`  ${variable},\n`)
    }
    await must('npm', ['run', 'check'], folder)
    await must('npx', ['vitest', 'run', 'find-order', 'price-list', 'review-order'], folder)
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
    const ca = await certificateAuthority(join(folder, '..', 'ca'))
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
