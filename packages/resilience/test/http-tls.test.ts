import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { clientOf, lineOf, rawServer, runModule, timed } from './http-servers.js'

const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-resilience-'))
const certFile = join(folder, 'cert.pem')
let server: Server
let port: number
const names: unknown[] = []

beforeAll(async () => {
  const keyFile = join(folder, 'key.pem')
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', keyFile, '-out', certFile, '-days', '2']
  execFileSync('openssl', ['req', '-x509', ...ec, ...name, ...files], { stdio: 'pipe' })
  const pair = { key: readFileSync(keyFile), cert: readFileSync(certFile) }
  server = createServer(pair, (req, res) => {
    const socket = req.socket as TLSSocket
    names.push(socket.servername)
    res.setHeader('x-resumed', String(socket.isSessionReused()))
    res.setHeader('connection', req.url === '/last' ? 'close' : 'keep-alive').end('ok')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(folder, { recursive: true })
})

/** What a process that trusts the certificate gets. */
async function trusting(url: string, paths: string[]): Promise<string> {
  const child = runModule(
    `const client = lib.httpClient('tls', { baseUrl: ${JSON.stringify(url)}, retry: false })
    const results = []
    for (const path of ${JSON.stringify(paths)})
      results.push(await client.request(path).then((a) => a.text() + a.headers['x-resumed'], (e) => e.message))
    await client.close()
    console.log(results.join())`,
    { NODE_EXTRA_CA_CERTS: certFile },
  )
  return lineOf(child)
}

describe('https', () => {
  it('is spoken with whom the certificate names, and resumed on a further connection', async () => {
    const results = await trusting(`https://localhost:${port}/`, ['last', 'last'])
    expect(results).toBe('okfalse,oktrue')
    expect(names).toEqual(['localhost', 'localhost'])
  })

  it('is not spoken with anybody else', async () => {
    const asked = names.length
    expect(await trusting(`https://127.0.0.1:${port}/`, ['/'])).toMatch(
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    )
    const { error } = await timed(clientOf(`https://localhost:${port}/`).request('/'))
    expect(error?.message).toMatch(/DEPTH_ZERO_SELF_SIGNED_CERT/)
    expect(error).toMatchObject({ code: 'ERR_RESILIENCE_HTTP', transient: false })
    expect(names).toHaveLength(asked)
  })

  it('that never begins is given up after connectTimeoutMs, and so is the connection', async () => {
    const deaf = await rawServer(() => {})
    const client = clientOf(`https://127.0.0.1:${deaf.port}/`, { connectTimeoutMs: 200 })
    const { error, ms } = await timed(client.request('/'))
    expect(error?.message).toMatch(/UND_ERR_CONNECT_TIMEOUT: no connection within 200 ms$/)
    expect(error).toMatchObject({ transient: true })
    expect(ms).toBeLessThan(9000)
    expect(client.stats).toMatchObject([{ running: 0, connections: 0 }])
  })

  it('that never begins is given up by whoever waits no more, and so is the connection', async () => {
    const deaf = await rawServer(() => {})
    const client = clientOf(`https://127.0.0.1:${deaf.port}/`, { connectTimeoutMs: 60_000 })
    const { error } = await timed(client.request('/', { signal: AbortSignal.timeout(200) }))
    expect(error?.name).toBe('TimeoutError')
    await client.close()
    expect(deaf.sockets.size).toBeLessThanOrEqual(1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(deaf.sockets.size).toBe(0)
  })
})
