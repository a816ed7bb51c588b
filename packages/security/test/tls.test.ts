import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest, Server } from 'node:https'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import express from 'express'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createServer, type TlsOptions } from '../src/index.js'
import { listen, received, statusOf } from './serve.js'

let tls: TlsOptions
const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))

beforeAll(() => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const files = ['-nodes', '-keyout', key, '-out', cert]
  execFileSync(
    'openssl',
    ['req', '-x509', ...curve, ...files, '-days', '2', '-subj', '/CN=localhost'],
    {
      stdio: 'ignore',
    },
  )
  tls = { key: readFileSync(key), cert: readFileSync(cert, 'utf8') }
})

async function serveTls(headersTimeoutMs = 10_000) {
  const app = express()
  app.get('/', (req, res) => void res.json([req.secure, req.protocol, req.app === app]))
  const server = createServer(app, { tls, headersTimeoutMs })
  expect(server).toBeInstanceOf(Server)
  return listen(server)
}

async function version(port: number, only: 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3') {
  // Security level 0, or this side would refuse the old versions itself.
  const ciphers = 'ALL:@SECLEVEL=0'
  const options = { host: '127.0.0.1', minVersion: only, maxVersion: only, ciphers }
  const socket = tlsConnect({ ...options, port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const protocol = socket.getProtocol()
  socket.destroy()
  return protocol
}

describe('createServer with tls', () => {
  it('serves the app over HTTPS', async () => {
    const port = await serveTls()
    const ask = httpsRequest({ port, host: '127.0.0.1', rejectUnauthorized: false }).end()
    const [res] = await once(ask, 'response')
    let body = ''
    for await (const chunk of res) body += chunk
    expect(JSON.parse(body)).toEqual([true, 'https', true])
  })

  it('speaks TLS 1.2 and 1.3, and nothing older', async () => {
    const port = await serveTls()
    expect(await version(port, 'TLSv1.2')).toBe('TLSv1.2')
    expect(await version(port, 'TLSv1.3')).toBe('TLSv1.3')
    await expect(version(port, 'TLSv1.1')).rejects.toThrow(/protocol version/i)
    await expect(version(port, 'TLSv1')).rejects.toThrow(/protocol version/i)
  })

  it('closes plain HTTP and unfinished handshakes, and serves on', async () => {
    const port = await serveTls(200)
    const plain = connect(port, '127.0.0.1')
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(statusOf(await received(plain))).toBeNaN()
    const started = performance.now()
    await received(connect(port, '127.0.0.1'))
    expect(performance.now() - started).toBeLessThan(2000)
    expect(await version(port, 'TLSv1.3')).toBe('TLSv1.3')
  })

  it('answers what is malformed inside TLS', async () => {
    const port = await serveTls()
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.write('garbage\r\n\r\n')
    expect(statusOf(await received(socket))).toBe(400)
  })

  it('says nothing of the key when it does not fit the certificate', () => {
    const other = '-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----'
    expect(() => createServer(express(), { tls: { ...tls, key: other } })).toThrow(
      expect.objectContaining({
        code: 'ERR_SECURITY_OPTION',
        message: expect.not.stringContaining('c2VjcmV0'),
        cause: expect.anything(),
      }),
    )
  })
})
