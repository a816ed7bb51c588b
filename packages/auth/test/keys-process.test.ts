import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { json, keySet, publisher } from './publisher.js'
import { type Signer, signer } from './signing.js'

const CHILD = fileURLToPath(new URL('keys-child.ts', import.meta.url))

let key: Signer
beforeAll(async () => {
  key = await signer('ES256', 'key')
})

async function run(args: string[], env: Record<string, string> = {}) {
  const flags = ['--unhandled-rejections=strict', '--import', 'tsx', CHILD]
  const child = spawn(process.execPath, [...flags, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    timeout: 20_000,
  })
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit'),
  ])
  return { code, err, ...JSON.parse(out || '{}') }
}

describe('a process', () => {
  it('ends by itself after a request, though its connection is kept', async () => {
    const { origin, sockets } = await publisher(keySet(key))
    const ended = await run(['once', `${origin}/jwks`, 'key'])
    expect(ended).toMatchObject({ code: 0, result: 1, err: '' })
    // The server would keep the connection for five seconds, and so would this side.
    expect(ended.lingeredMs).toBeLessThan(2000)
    await vi.waitFor(() => expect(sockets.size).toBe(0))
  })

  it('lives through an outage of every kind without an unhandled rejection', async () => {
    const server = await publisher(json({}))
    const issuer = server.origin
    const metadata = json({ issuer, jwks_uri: `${issuer}/jwks` })
    const works: RequestListener = (req, res) =>
      (req.url?.startsWith('/.well-known') ? metadata : keySet(key))(req, res)
    const kinds: RequestListener[] = [
      works,
      (req) => req.socket.resetAndDestroy(),
      () => {},
      works,
      (_req, res) => res.writeHead(500).end(),
      (req) => req.socket.end('HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
      works,
      (_req, res) => res.writeHead(200, { 'content-length': 99 }).write('{', () => res.destroy()),
      (_req, res) => res.writeHead(200, { 'content-length': 99 }).write('{'),
      (_req, res) => res.writeHead(302, { location: '/' }).end('x'.repeat(100_000)),
      (_req, res) => res.end('<html>'),
      (req) => req.socket.end('garbage'),
    ]
    let asked = 0
    // Each kind for a few requests, then the next.
    server.answer((req, res) => kinds[Math.floor(asked++ / 4) % kinds.length]?.(req, res))
    const { code, err, result } = await run(['outage', issuer, 'key'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(asked).toBeGreaterThan(kinds.length * 4)
    expect(Object.keys(result).sort()).toEqual([
      'AuthUnavailableError',
      'InvalidTokenError',
      'fulfilled',
    ])
  })
})

const hasOpenssl = canRun('openssl', 'version')
if (!hasOpenssl && process.env.REQUIRE_COMPONENTS === '1') throw new Error('openssl is missing')

describe.skipIf(!hasOpenssl)('https', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-auth-'))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  afterAll(() => rmSync(folder, { recursive: true }))
  beforeAll(() => {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const files = ['-keyout', keyFile, '-out', certFile, '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...ec, ...name, ...files], { stdio: 'pipe' })
  })

  async function secureServer() {
    const files = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
    const server = createServer(files, keySet(key)).listen(0, '127.0.0.1')
    afterAll(() => {
      server.close()
      server.closeAllConnections()
    })
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }

  it('trusts what Node trusts, and only for the name in the certificate', async () => {
    const port = await secureServer()
    const trusting = { NODE_EXTRA_CA_CERTS: certFile }
    const url = `https://localhost:${port}/jwks`
    const runs = await Promise.all([
      run(['once', url, 'key'], trusting),
      run(['once', url, 'key']),
      run(['once', url.replace('localhost', '127.0.0.1'), 'key'], trusting),
    ])
    expect(runs[0]).toMatchObject({ code: 0, result: 1, err: '' })
    expect(runs[1]).toMatchObject({
      code: 1,
      err: expect.stringMatching(/self.signed certificate/),
    })
    expect(runs[2]).toMatchObject({ code: 1, err: expect.stringMatching(/ALTNAME_INVALID/) })
  })
})

function canRun(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
