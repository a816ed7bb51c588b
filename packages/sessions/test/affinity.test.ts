/** Several replicas behind a real HAProxy, with the lines that the README has. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { begin, call, post } from './raw.js'
import { atEnd, connect, serve } from './support.js'

const hasHaproxy = spawnSync('haproxy', ['-v']).status === 0
if (process.env.REQUIRE_COMPONENTS === '1' && !hasHaproxy)
  throw new Error('haproxy is not installed')

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function haproxy(ports: string[]): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), 'sessions-'))
  atEnd(() => rm(folder, { recursive: true }))
  const port = await freePort()
  const servers = ports.map(
    (each, i) => `server s${i} 127.0.0.1:${each} check inter 100ms fall 1 rise 1`,
  )
  const lines = [
    'defaults',
    'mode http',
    'timeout connect 2s',
    'timeout client 1h',
    'timeout server 1h',
    'option redispatch',
    'retries 3',
    'frontend in',
    `bind 127.0.0.1:${port}`,
    'default_backend mcp',
    'backend mcp',
    'balance roundrobin',
    'stick-table type string len 36 size 100k expire 24h',
    'stick store-response res.hdr(mcp-session-id)',
    'stick match req.hdr(mcp-session-id)',
    ...servers,
  ]
  const file = join(folder, 'haproxy.cfg')
  await writeFile(file, `${lines.join('\n')}\n`)
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: 'ignore' })
  atEnd(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  await vi.waitFor(() => fetch(url, { method: 'PUT' }), 10_000)
  return url
}

it.skipIf(!hasHaproxy)(
  'a session stays with its replica, and begins anew when that is gone',
  async () => {
    const replicas = [await serve(), await serve()]
    const url = await haproxy(replicas.map(({ url }) => url.port))
    const clients = await Promise.all(
      Array.from({ length: 6 }, (_, i) => connect(url, { 'x-principal': `user ${i}` })),
    )
    expect(replicas.map(({ sessions }) => sessions.state().sessions)).toEqual([3, 3])
    for (let round = 0; round < 5; round++)
      for (const { client } of clients)
        expect(await client.callTool({ name: 'whoami', arguments: {} })).toBeTruthy()
    await vi.waitFor(() =>
      expect(replicas.map(({ sessions }) => sessions.state().streams)).toEqual([3, 3]),
    )
    const { headers } = await begin(url)
    const [first, second] = replicas
    const owner = (first?.sessions.state().sessions ?? 0) > 3 ? first : second
    owner?.server.close()
    owner?.server.closeAllConnections()
    await vi.waitFor(
      async () => expect((await post(url, call('whoami'), headers)).status).toBe(404),
      10_000,
    )
    const again = await begin(url)
    expect((await post(url, call('whoami'), again.headers)).status).toBe(200)
  },
)
