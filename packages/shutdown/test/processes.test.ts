/** Where and how a server runs: as process 1, under npm, with TLS, with upgraded sockets, and other signals. */
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, get } from 'node:https'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { CHILD, childrenOf, type StartOptions, start, TSX } from './start.js'

const NODE = [process.execPath, '--import', TSX]
const EARLY = new URL('../src/early.ts', import.meta.url).href
const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-shutdown-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** The reason to skip when the command cannot be run here, which REQUIRE_COMPONENTS=1 makes a failure. */
function missing(what: string, command: string, ...words: string[]): string {
  if (spawnSync(command, words, { stdio: 'ignore' }).status === 0) return ''
  if (process.env.REQUIRE_COMPONENTS === '1') throw new Error(`${what} cannot be run`)
  return ` (skipped: ${what} cannot be run here)`
}

const UNSHARE = ['unshare', '--fork', '--pid', '--mount-proc', '--kill-child'] as const
const noNamespace = missing('unshare --pid', ...UNSHARE, 'true')
const noNpm = missing('npm', 'npm', '--version')
const noOpenssl = missing('openssl', 'openssl', 'version')

/** Unlike once(), whatever error came before. */
const closeOf = (socket: Socket) =>
  new Promise<void>((resolve) => void socket.on('error', () => {}).once('close', () => resolve()))

/** A slow call in flight, then `stop`: it must be answered and the process end with 0. */
async function expectAnswered(server: ReturnType<typeof start>, stop: () => void, code = 0) {
  const call = server.fetchFrom('/slow')
  await server.until('call begun')
  stop()
  await server.until('shutdown: draining')
  expect(await (await server.fetchFrom('/draining')).text()).toBe('true')
  expect(await (await call).text()).toBe('answered')
  expect(await server.ended).toMatchObject({ code, signal: null })
  expect(server.lines.at(-1)).toMatchObject({ message: 'shutdown: end', exitCode: 0 })
}

describe.concurrent('signals by option', { timeout: 60_000 }, () => {
  it.each(['SIGUSR2', 'SIGHUP'] as const)('%s drains like SIGTERM', async (signal) => {
    const server = start('other')
    await expectAnswered(server, () => server.child.kill(signal))
  })

  it.each(['SIGUSR2', 'SIGHUP'] as const)('%s is left to Node without it', async (signal) => {
    const { child, ended, until } = start('serve')
    await until('listening')
    child.kill(signal)
    expect(await ended).toMatchObject({ code: null, signal })
  })
})

describe.skipIf(noNamespace)(
  `as process 1${noNamespace}`,
  { concurrent: true, timeout: 60_000 },
  () => {
    function startAsFirst(scenario: string, words: string[], options: StartOptions = {}) {
      const server = start(scenario, { ...options, command: [...UNSHARE, ...words] })
      // unshare passes nothing on: what a container's runtime would signal is its child.
      const kill = () => process.kill(childrenOf(server.child.pid)[0] ?? 0, 'SIGTERM')
      return { ...server, kill }
    }

    it('SIGTERM drains', async () => {
      const server = startAsFirst('serve', [...NODE, CHILD])
      await expectAnswered(server, server.kill)
    })

    it('SIGTERM while the program loads ends it with 143, by early', async () => {
      const words = [...NODE, '--import', EARLY, CHILD]
      const { kill, until, ended } = startAsFirst('serve', words, { env: { LOADS: '600000' } })
      await until('loading')
      kill()
      expect(await ended).toMatchObject({ code: 143, signal: null })
    })

    it('SIGTERM while the program loads is lost without early', async () => {
      const server = startAsFirst('serve', [...NODE, CHILD], { env: { LOADS: '500' } })
      await server.until('loading')
      server.kill()
      expect(await (await server.fetchFrom('/draining')).text()).toBe('false')
    })

    it('after early, SIGTERM drains too', async () => {
      const server = startAsFirst('serve', [...NODE, '--import', EARLY, CHILD])
      await expectAnswered(server, server.kill)
    })

    it.skipIf(noNpm)('npm start with exec drains, one signal to npm', async () => {
      const cwd = project('exec node')
      const server = startAsFirst('serve', ['npm', 'start', '--silent'], { cwd })
      await expectAnswered(server, server.kill)
      expect(server.lines.map(({ message }) => message)).not.toContain(BEHIND)
    })

    it('behind a shell it says so', async () => {
      const { until } = startAsFirst('serve', ['sh', '-c', `${quoted([...NODE, CHILD])}; exit`])
      expect(await until(BEHIND)).toMatchObject({ remedy: expect.stringContaining('exec') })
    })
  },
)

const BEHIND = 'shutdown: behind a shell that keeps signals to itself'
const quoted = (words: string[]) => words.map((word) => `'${word}'`).join(' ')

/** A folder with a package.json whose start script begins with these words. */
function project(words: string): string {
  const cwd = mkdtempSync(join(folder, 'project-'))
  const script = `${words} --import ${TSX} ${CHILD}`
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ scripts: { start: script } }))
  return cwd
}

describe.skipIf(noNpm)(`npm start${noNpm}`, { concurrent: true, timeout: 60_000 }, () => {
  const begin = (words: string) =>
    start('serve', { command: ['npm', 'start', '--silent'], cwd: project(words), group: true })

  it('with exec: SIGTERM to npm alone drains, and npm ends with the exit code', async () => {
    const server = begin('exec node')
    await expectAnswered(server, () => server.child.kill('SIGTERM'))
  })

  it('with exec: SIGINT to the whole group, as Ctrl-C sends it, is one wish', async () => {
    const server = begin('exec node')
    await expectAnswered(server, () => process.kill(-(server.child.pid ?? 0), 'SIGINT'))
  })

  it.skipIf(process.platform !== 'linux')('with a shell between says so at the start', async () => {
    // The second command keeps any shell from replacing itself by node.
    const { child, until } = begin('true; node')
    const { remedy } = await until(BEHIND)
    expect(remedy).toContain('"start": "exec node …"')
    process.kill(-(child.pid ?? 0), 'SIGKILL')
  })
})

describe.concurrent('a signal between two listens', { timeout: 60_000 }, () => {
  it('answers the call of the first and never opens the second', async () => {
    const server = start('between')
    const call = server.fetchFrom('/slow')
    await server.until('call begun')
    server.child.kill('SIGTERM')
    expect(await (await call).text()).toBe('answered')
    expect(await server.ended).toMatchObject({ code: 0, signal: null })
  })
})

describe.concurrent('upgraded sockets', { timeout: 60_000 }, () => {
  it('are told by an onDrained hook; those that nobody tells are closed and hold nothing', async () => {
    const { child, until, ended } = start('upgrade')
    const { port } = await until('listening')
    const [told, silent] = ['/told', '/silent'].map((path) => {
      const socket = connect(Number(port), '127.0.0.1').setEncoding('latin1')
      const all = { received: '', closed: closeOf(socket), socket }
      socket.on('data', (data) => {
        all.received += data
      })
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\n`,
      )
      return all
    })
    for (const line of [told, silent]) {
      await vi.waitFor(() => expect(line?.received).toContain('101'), 10_000)
      line?.socket.write('hello\n')
      await vi.waitFor(() => expect(line?.received).toContain('hello'), 10_000)
    }
    child.kill('SIGTERM')
    await Promise.all([told?.closed, silent?.closed])
    expect(told?.received).toMatch(/hello\nbye\n$/)
    expect(silent?.received).toMatch(/hello\n$/)
    expect(await ended).toMatchObject({ code: 0, signal: null })
    expect(await until('shutdown: open connections closed')).toMatchObject({ connections: 1 })
  })
})

describe.skipIf(noOpenssl)(`TLS${noOpenssl}`, { concurrent: true, timeout: 60_000 }, () => {
  it('answers the call in flight on a kept connection, closes idle ones and half a handshake', async () => {
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
    const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    const to = ['-keyout', key, '-out', cert, '-days', '1', '-subj', '/CN=localhost']
    execFileSync('openssl', [...make, ...to], { stdio: 'ignore' })
    const { child, until, ended } = start('tls', { env: { KEY: key, CERT: cert } })
    const port = Number((await until('listening')).port)
    const agents = [0, 1].map(() => new Agent({ keepAlive: true, rejectUnauthorized: false }))
    const request = async (agent: Agent | undefined, path: string) => {
      const [res] = await once(get({ port, path, agent }), 'response')
      return { body: await text(res), connection: res.headers.connection }
    }
    for (const agent of agents) {
      expect(await request(agent, '/draining')).toEqual({ body: 'false', connection: 'keep-alive' })
    }
    const handshake = connect(port, '127.0.0.1')
    const handshakeClosed = closeOf(handshake)
    handshake.write('\x16\x03\x01')
    const slow = request(agents[0], '/slow')
    await until('call begun')
    child.kill('SIGTERM')
    expect(await slow).toEqual({ body: 'answered', connection: 'close' })
    await handshakeClosed
    expect(await ended).toMatchObject({ code: 0, signal: null })
    for (const agent of agents) agent.destroy()
  })
})

describe('a load of new connections', { timeout: 120_000 }, () => {
  it('is answered or refused, and hardly ever reset, when the listening socket closes', async () => {
    const { child, until, ended } = start('serve')
    const port = Number((await until('listening')).port)
    const seen = { answered: 0, refused: 0, reset: 0 }
    async function client() {
      for (;;) {
        const socket = connect(port, '127.0.0.1').setEncoding('latin1')
        let connected = false
        let received = ''
        const closed = closeOf(socket)
        socket.once('connect', () => {
          connected = true
          socket.write('GET /draining HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        })
        socket.on('data', (data) => {
          received += data
        })
        await closed
        if (received.endsWith('true') || received.endsWith('false')) seen.answered++
        else return seen[connected ? 'reset' : 'refused']++
      }
    }
    const clients = Array.from({ length: 32 }, client)
    await sleep(300)
    child.kill('SIGTERM')
    await Promise.all(clients)
    expect(await ended).toMatchObject({ code: 0, signal: null })
    expect(seen.answered).toBeGreaterThan(32)
    // All of the 32 but one or two, when the socket is closed without a look at who waits for it.
    expect(seen.reset).toBeLessThan(12)
  })
})
