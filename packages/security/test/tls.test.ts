import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttps, Server } from 'node:https'
import { connect, createServer as createPlain } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import express from 'express'
import { beforeAll, describe, expect, it } from 'vitest'
import { certificateOf, createServer, type TlsOptions } from '../src/index.js'
import { type Identity, openssl, selfSigned } from './certificates.js'
import { listen, optionError, received, statusOf } from './serve.js'
import { ask, sClient } from './tls-client.js'

let own: Identity
let tls: TlsOptions

beforeAll(() => {
  own = selfSigned('/CN=localhost')
  tls = { key: Buffer.from(own.key), cert: own.cert }
})

async function serveTls(headersTimeoutMs = 10_000) {
  const app = express()
  app.get('/', (req, res) => void res.json([req.secure, req.protocol, req.app === app]))
  const server = createServer(app, { tls, headersTimeoutMs })
  expect(server).toBeInstanceOf(Server)
  return listen(server)
}

const VERSIONS = [
  ['-tls1', 'TLSv1'],
  ['-tls1_1', 'TLSv1.1'],
  ['-tls1_2', 'TLSv1.2'],
  ['-tls1_3', 'TLSv1.3'],
] as const
/** Or the client would not offer the old versions itself. */
const ANY_CIPHER = ['-cipher', 'DEFAULT@SECLEVEL=0']

describe('createServer with tls', () => {
  it('serves the app over HTTPS', async () => {
    const { status, body } = await ask(await serveTls())
    expect([status, body]).toEqual([200, [true, 'https', true]])
  })

  it.each(VERSIONS)('with %s: TLS 1.2 and 1.3, and nothing older', async (flag, version) => {
    const port = await serveTls()
    const old = {
      key: own.key,
      cert: own.cert,
      minVersion: 'TLSv1',
      ciphers: ANY_CIPHER[1],
    } as const
    const control = await listen(createHttps(old, (_req, res) => res.end('1')))
    const told = await sClient(control, flag, ...ANY_CIPHER)
    expect(told).toMatch(new RegExp(`Protocol *: ${version}$`, 'm'))
    expect(told).toContain('HTTP/1.1 200')

    const printed = await sClient(port, flag, ...ANY_CIPHER)
    if (version === 'TLSv1' || version === 'TLSv1.1') {
      expect(printed).toContain('alert protocol version')
      expect(printed).not.toContain('HTTP/1.1')
    } else {
      expect(printed).toMatch(new RegExp(`Protocol *: ${version}$`, 'm'))
      expect(printed).toContain('HTTP/1.1 200')
    }
  })

  it('does not negotiate again on an open connection', async () => {
    const port = await serveTls()
    const socket = tlsConnect({ port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    socket.renegotiate({ rejectUnauthorized: false }, () => {})
    await new Promise((resolve) => socket.once('close', resolve))
    expect(errors[0]).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' })
  })

  it('answers what is malformed inside TLS', async () => {
    const port = await serveTls()
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.write('garbage\r\n\r\n')
    expect(statusOf(await received(socket))).toBe(400)
  })
})

/** The first bytes of a real client, which wait for a server that never answers. */
async function clientHello(): Promise<Buffer> {
  const server = createPlain()
  const port = await listen(server)
  const client = tlsConnect({ port, host: '127.0.0.1' }).on('error', () => {})
  const [socket] = await once(server, 'connection')
  const [hello] = await once(socket, 'data')
  client.destroy()
  return hello
}

describe('createServer with tls: slow handshakes', () => {
  it('closes plain HTTP, and serves on', async () => {
    const port = await serveTls(200)
    const plain = connect(port, '127.0.0.1')
    plain.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(statusOf(await received(plain))).toBeNaN()
    expect(await ask(port)).toMatchObject({ status: 200 })
  })

  it.each([
    ['says nothing', 0, 0],
    ['stops inside its hello', -1, 0],
    ['stops after its hello', undefined, 0],
    ['dribbles its hello', 1, 1],
  ])('closes a client that %s', async (_what, begin, step) => {
    const hello = await clientHello()
    const port = await serveTls(300)
    const socket = connect(port, '127.0.0.1')
    const started = performance.now()
    socket.write(hello.subarray(0, begin))
    let sent = step
    const timer = setInterval(() => {
      socket.write(hello.subarray(sent, sent + step))
      sent += step
    }, 20)
    await received(socket)
    clearInterval(timer)
    expect(performance.now() - started).toBeGreaterThan(250)
    expect(performance.now() - started).toBeLessThan(2500)
    expect(await ask(port)).toMatchObject({ status: 200 })
  })

  it('closes a client that asks for nothing after its handshake', async () => {
    const port = await serveTls(200)
    const socket = tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    expect(statusOf(await received(socket))).toBe(408)
  })
})

describe('createServer with tls: options', () => {
  const pem = (label: string, body = 'c2VjcmV0') =>
    `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`
  const rsa = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })

  it.each<[string, string, () => Partial<Record<keyof TlsOptions, unknown>>]>([
    ['a key that is none', 'tls.key must be a private key', () => ({ key: 'no key' })],
    ['a key cut in half', 'tls.key must be a private key', () => ({ key: own.key.slice(0, 90) })],
    ['a broken key', 'tls.key must be a private key', () => ({ key: pem('PRIVATE KEY') })],
    [
      'a key with a passphrase',
      'without passphrase',
      () => ({ key: openssl('ec', '-in', own.keyFile, '-aes128', '-passout', 'pass:x') }),
    ],
    ['a public key', 'tls.key must be a private key', () => ({ key: rsa.publicKey })],
    ['a key of another type', 'is not the key of', () => ({ key: rsa.privateKey })],
    ['another key', 'is not the key of', () => ({ key: selfSigned('/CN=other').key })],
    ['a list of keys', 'tls.key must be a PEM', () => ({ key: [own.key] })],
    ['no certificate', 'tls.cert must hold', () => ({ cert: 'no certificate' })],
    ['a key as certificate', 'tls.cert must hold', () => ({ cert: own.key })],
    ['a certificate cut in half', 'no complete PEM', () => ({ cert: own.cert.slice(0, 300) })],
    ['a chain cut in half', 'no complete PEM', () => ({ cert: own.cert + own.cert.slice(0, 300) })],
    [
      'a chain cut in a label',
      'no complete PEM',
      () => ({ cert: own.cert + own.cert.slice(0, 20) }),
    ],
    [
      'an indented certificate',
      'cannot be read',
      () => ({ cert: own.cert + own.cert.replaceAll(/^/gm, '  ') }),
    ],
    ['a broken certificate', 'cannot be read', () => ({ cert: own.cert + pem('CERTIFICATE') })],
    [
      'a chain that does not begin with its own',
      'is not the key of',
      () => ({ cert: selfSigned('/CN=other').cert + own.cert }),
    ],
    ['an empty clientCa', 'tls.clientCa must hold', () => ({ clientCa: '' })],
    ['a clientCa without certificate', 'tls.clientCa must hold', () => ({ clientCa: 'ca.pem' })],
    ['clientCa: null', 'tls.clientCa must be a PEM', () => ({ clientCa: null })],
    [
      'a clientCa cut in half',
      'tls.clientCa is no complete PEM',
      () => ({ clientCa: own.cert + own.cert.slice(0, 300) }),
    ],
    [
      'a clientCa that says what for',
      'each from BEGIN CERTIFICATE',
      () => ({ clientCa: own.cert + own.cert.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE') }),
    ],
    [
      'clientCertificates without clientCa',
      'needs tls.clientCa',
      () => ({ clientCertificates: 'required' }),
    ],
    ['"none" without clientCa', 'needs tls.clientCa', () => ({ clientCertificates: 'none' })],
    [
      'other clientCertificates',
      'none, optional or required, got true',
      () => ({ clientCa: own.cert, clientCertificates: true }),
    ],
  ])('refuses %s', (_what, message, wrong) => {
    const options = { ...tls, ...wrong() } as TlsOptions
    expect(() => createServer(express(), { tls: options })).toThrow(optionError(message))
  })

  it('refuses a key that is too weak for any client, with the reason as its cause', () => {
    const weak = selfSigned('/CN=weak', '-newkey', 'rsa:512', '-nodes')
    expect(() => createServer(express(), { tls: weak })).toThrow(
      expect.objectContaining({
        code: 'ERR_SECURITY_OPTION',
        cause: expect.objectContaining({ message: expect.stringContaining('key too small') }),
      }),
    )
  })

  it('says nothing of the key when it cannot be read', () => {
    try {
      createServer(express(), { tls: { ...tls, key: pem('PRIVATE KEY') } })
      expect.unreachable()
    } catch (error) {
      const { cause, stack, message } = error as Error
      expect(`${stack} ${message} ${(cause as Error).stack}`).not.toContain('c2VjcmV0')
    }
  })

  it('takes a file that holds key, certificate and text between them', async () => {
    const both = `for localhost\n${own.key}---- and\n${own.cert}`
    const app = express().get('/', (_req, res) => void res.json(1))
    const port = await listen(createServer(app, { tls: { key: both, cert: both } }))
    expect(await ask(port)).toMatchObject({ status: 200, fingerprint: own.fingerprint })
  })
})

describe('certificateOf', () => {
  it('tells whose certificate it is and when it ends', () => {
    const end = openssl('x509', '-in', own.certFile, '-noout', '-enddate')
    expect(certificateOf(tls)).toEqual({
      subject: 'CN=localhost',
      expiresAt: new Date(end.replace('notAfter=', '')),
    })
  })

  it('fits a line of a log', () => {
    const long = selfSigned('/C=DE/O=Example/CN=mcp.example.com')
    expect(certificateOf(long).subject).toBe('C=DE, O=Example, CN=mcp.example.com')
  })

  it('goes by the alternative names where there is no subject', () => {
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    const bare = selfSigned('/', ...ec, '-addext', 'subjectAltName=DNS:mcp.example.com')
    expect(certificateOf(bare).subject).toBe('DNS:mcp.example.com')
  })

  it('refuses what is no certificate', () => {
    expect(() => certificateOf({ cert: 'x' })).toThrow(optionError('tls.cert'))
  })
})
