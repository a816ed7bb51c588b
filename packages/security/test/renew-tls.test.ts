import { generateKeyPairSync } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { existsSync } from 'node:fs'
import { Agent, createServer as createHttps } from 'node:https'
import { connect as connectPlain } from 'node:net'
import tls, { type TLSSocket, connect as tlsConnect } from 'node:tls'
import express, { type Express, type Response } from 'express'
import { describe, expect, it, vi } from 'vitest'
import { certificateOf, createServer, renewTls, type TlsOptions } from '../src/index.js'
import { fileOf, selfSigned, signedBy } from './certificates.js'
import { atEnd, listen, optionError, received, serve } from './serve.js'
import { ask, converse, sClient } from './tls-client.js'

const first = selfSigned('/CN=first.example.com')
const second = selfSigned('/CN=second.example.com')
const ca = selfSigned('/CN=clients')
const otherCa = selfSigned('/CN=other clients')
const client = signedBy(ca, '/CN=client')
const otherClient = signedBy(otherCa, '/CN=client')

const VERSIONS = [
  ['TLSv1.2', '-tls1_2'],
  ['TLSv1.3', '-tls1_3'],
] as const

/** Answers whether the client is authorized. */
async function serveTls(more: Partial<TlsOptions> = {}, build: (app: Express) => void = () => {}) {
  const app = express()
  build(app)
  app.get('/', ({ socket }, res) => {
    res.json({ authorized: (socket as TLSSocket).authorized })
  })
  const server = createServer(app, { tls: { ...first, ...more } })
  return { server, port: await listen(server) }
}

function keepAlive(options = {}): Agent {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...options })
  atEnd(() => agent.destroy())
  return agent
}

describe('renewTls', () => {
  it('gives new connections the new certificate, and tells of it', async () => {
    const { server, port } = await serveTls()
    expect(await ask(port)).toMatchObject({ fingerprint: first.fingerprint })
    expect(renewTls(server, { key: Buffer.from(second.key), cert: second.cert })).toEqual({
      subject: 'CN=second.example.com',
      expiresAt: certificateOf(second).expiresAt,
    })
    expect(await ask(port)).toMatchObject({ status: 200, fingerprint: second.fingerprint })
  })

  it('fails no request while certificates are swapped under load', async () => {
    const { server, port } = await serveTls()
    const held = keepAlive()
    const before = await ask(port, { agent: held })
    const progress = new EventEmitter()
    const answers: Awaited<ReturnType<typeof ask>>[] = []
    let last = first
    const reached = async (count: number) => {
      while (answers.length < count) await once(progress, 'answer')
    }
    const agents = [
      ...Array<Agent>(12).fill(keepAlive({ maxSockets: 12 })),
      // Every request with a handshake, by a session from before where there is one.
      ...Array<Agent>(6).fill(new Agent({ maxSockets: 6 })),
      ...Array<false>(6).fill(false),
    ]
    const load = agents.map(async (agent) => {
      while (answers.length < 600) {
        answers.push(await ask(port, { agent }))
        progress.emit('answer')
      }
    })
    const swapping = (async () => {
      for (let swap = 1; swap <= 11; swap++) {
        await reached(swap * 50)
        last = swap % 2 ? second : first
        renewTls(server, last)
      }
    })()
    await Promise.all([...load, swapping])
    expect(answers.map(({ status }) => status)).toEqual(Array(answers.length).fill(200))
    const seen = new Set(answers.map(({ fingerprint }) => fingerprint))
    expect(seen).toEqual(new Set([first.fingerprint, second.fingerprint, 'resumed']))

    expect(last).toBe(second)
    expect(await ask(port)).toMatchObject({ status: 200, fingerprint: second.fingerprint })
    const { localPort, fingerprint } = before
    expect(await ask(port, { agent: held })).toMatchObject({ status: 200, localPort, fingerprint })
  })

  const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  it.each<[string, Partial<TlsOptions>]>([
    ['the old key with the new certificate', { key: first.key }],
    ['the new key with the old certificate', { cert: first.cert }],
    ['a key of another type', { key: rsaKey.export({ type: 'pkcs8', format: 'pem' }) }],
    ['a key half written', { key: second.key.slice(0, 100) }],
    ['a certificate half written', { cert: second.cert.slice(0, 300) }],
    ['a chain half written', { cert: second.cert + ca.cert.slice(0, 300) }],
    ['an empty key', { key: '' }],
    ['an empty certificate', { cert: Buffer.alloc(0) }],
    ['an empty clientCa', { clientCa: '' }],
    ['a clientCa half written', { clientCa: ca.cert + otherCa.cert.slice(0, 300) }],
    ['no clientCa', { clientCa: undefined }],
  ])('refuses %s, and serves on with the old ones', async (_what, wrong) => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const tlsOptions = { ...second, clientCa: otherCa.cert, ...wrong }
    expect(() => renewTls(server, tlsOptions)).toThrow(optionError('tls'))
    const answer = { status: 200, fingerprint: first.fingerprint }
    expect(await ask(port, { ...client })).toMatchObject({ ...answer, body: { authorized: true } })
    const stranger = { ...answer, body: { authorized: false } }
    expect(await ask(port, { ...otherClient })).toMatchObject(stranger)
    renewTls(server, { ...second, clientCa: otherCa.cert })
    expect(await ask(port)).toMatchObject({ status: 200, fingerprint: second.fingerprint })
  })

  it('refuses a server that createServer did not make with tls', async () => {
    const { server } = await serve(() => {})
    const wanted = optionError('a server that createServer made with tls')
    expect(() => renewTls(server, second)).toThrow(wanted)
    expect(() => renewTls(createHttps(first), second)).toThrow(wanted)
    expect(() => renewTls(undefined as unknown as typeof server, second)).toThrow(wanted)
  })

  it('does not change whether clients are asked for a certificate', async () => {
    const clientCa = ca.cert
    const none = await serveTls()
    const optional = await serveTls({ clientCa })
    const required = await serveTls({ clientCa, clientCertificates: 'required' })
    expect(() => renewTls(none.server, { ...first, clientCa })).toThrow(
      optionError('is none and cannot become optional'),
    )
    expect(() => renewTls(optional.server, first)).toThrow(
      optionError('is optional and cannot become none'),
    )
    expect(() =>
      renewTls(optional.server, { ...first, clientCa, clientCertificates: 'required' }),
    ).toThrow(optionError('is optional and cannot become required'))
    expect(() =>
      renewTls(required.server, { ...first, clientCa, clientCertificates: 'none' }),
    ).toThrow(optionError('is required and cannot become none'))
    renewTls(required.server, { ...second, clientCa })
    expect(await converse(required.port)).toMatchObject({ answer: '' })
    expect(await ask(required.port, { ...client })).toMatchObject({ body: { authorized: true } })
  })

  it('keeps the oldest version, and that nothing is negotiated again', async () => {
    const { DEFAULT_MIN_VERSION } = tls
    atEnd(() => {
      tls.DEFAULT_MIN_VERSION = DEFAULT_MIN_VERSION
    })
    // As with --tls-min-v1.0, of which a context without a minimum of its own would take notice.
    tls.DEFAULT_MIN_VERSION = 'TLSv1'
    const { server, port } = await serveTls()
    renewTls(server, second)
    for (const flag of ['-tls1', '-tls1_1']) {
      const printed = await sClient(port, flag, '-cipher', 'DEFAULT@SECLEVEL=0')
      expect(printed).toContain('alert protocol version')
    }
    const socket = tlsConnect({ port, rejectUnauthorized: false, maxVersion: 'TLSv1.2' })
    await once(socket, 'secureConnect')
    const errors: unknown[] = []
    socket.on('error', (error) => errors.push(error))
    socket.renegotiate({ rejectUnauthorized: false }, () => {})
    await new Promise((resolve) => socket.once('close', resolve))
    expect(errors[0]).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' })
  })

  it.each(VERSIONS)('resumes no session from before (%s)', async (version) => {
    const { server, port } = await serveTls()
    const only = { minVersion: version, maxVersion: version }
    const { session } = await converse(port, only)
    expect(await converse(port, { ...only, session })).toMatchObject({ reused: true })
    renewTls(server, second)
    const answer = await converse(port, { ...only, session })
    expect(answer).toMatchObject({ reused: false, body: { authorized: false } })
  })
})

describe('renewTls: another clientCa', () => {
  it.each(VERSIONS)('optional: who had it is a stranger (%s)', async (version) => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const only = { minVersion: version, maxVersion: version }
    const authorized = async (as: object) => (await converse(port, { ...only, ...as })).body
    expect(await authorized(client)).toEqual({ authorized: true })
    expect(await authorized(otherClient)).toEqual({ authorized: false })
    renewTls(server, { ...first, clientCa: otherCa.cert })
    expect(await authorized(client)).toEqual({ authorized: false })
    expect(await authorized(otherClient)).toEqual({ authorized: true })
  })

  it.each(VERSIONS)('required: who had it is refused (%s)', async (version) => {
    const { server, port } = await serveTls({ clientCa: ca.cert, clientCertificates: 'required' })
    const only = { minVersion: version, maxVersion: version }
    const answered = async (as: object) => (await converse(port, { ...only, ...as })).answer !== ''
    expect([await answered(client), await answered(otherClient)]).toEqual([true, false])
    renewTls(server, { ...first, clientCa: otherCa.cert })
    expect([await answered(client), await answered(otherClient)]).toEqual([false, true])
  })

  it.each(VERSIONS)('no session gets past it, nor by shared keys (%s)', async (version, flag) => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const file = fileOf(`${version}.session`)
    const as = [flag, '-cert', client.certFile, '-key', client.keyFile]
    expect(await sClient(port, ...as, '-sess_out', file)).toContain('{"authorized":true}')
    const { session } = await converse(port, { ...client, maxVersion: version })
    const keys = server.getTicketKeys()
    renewTls(server, { ...first, clientCa: otherCa.cert })
    // As where replicas share them.
    server.setTicketKeys(keys)
    const saved = existsSync(file) ? ['-sess_in', file] : []
    for (const who of [as, [flag]]) {
      const printed = await sClient(port, ...who, ...saved)
      expect(printed).toContain('{"authorized":false}')
      expect(printed).not.toContain('Reused, ')
    }
    const options = { ...client, maxVersion: version, session }
    expect(await converse(port, options)).toMatchObject({ body: { authorized: false } })
  })
})

describe('renewTls: connections that were open when an authority goes', () => {
  it('serve one more request each, and close', async () => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const agent = keepAlive({ ...client })
    const { localPort } = await ask(port, { agent })
    renewTls(server, { ...first, clientCa: otherCa.cert })
    const one = await ask(port, { agent })
    expect(one).toMatchObject({ status: 200, localPort, headers: { connection: 'close' } })
    const next = await ask(port, { agent })
    expect(next).toMatchObject({ status: 200, body: { authorized: false } })
    expect(next.localPort).not.toBe(localPort)
  })

  it('close also where the app says keep-alive', async () => {
    const { server, port } = await serveTls({ clientCa: ca.cert }, (app) => {
      app.get('/events', (_req, res) => {
        res.writeHead(200, { 'Content-Type': 'text/event-stream', Connection: 'keep-alive' })
        res.end('data: 1\n\n')
      })
    })
    const socket = tlsConnect({ port, rejectUnauthorized: false, ...client })
    await once(socket, 'secureConnect')
    renewTls(server, { ...first, clientCa: otherCa.cert })
    socket.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await received(socket)).toContain('data: 1')
  })

  it('end what they are answering first', async () => {
    const open: Response[] = []
    const { server, port } = await serveTls({ clientCa: ca.cert }, (app) => {
      app.get('/stream', (_req, res) => {
        open.push(res.type('text/event-stream'))
        res.write('data: before\n\n')
      })
    })
    const socket = tlsConnect({ port, rejectUnauthorized: false, ...client })
    socket.write('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n')
    const answer = received(socket)
    await once(socket, 'data')
    renewTls(server, { ...first, clientCa: otherCa.cert })
    open[0]?.end('data: after\n\n')
    await once(socket, 'data')
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    expect(await answer).toMatch(/before[\s\S]*after[\s\S]*Connection: close[\s\S]*authorized/)
  })

  it('stay when one only comes, or none changes', async () => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const agent = keepAlive({ ...client })
    const { localPort } = await ask(port, { agent })
    for (const clientCa of [ca.cert, `# both\n${otherCa.cert}\n${ca.cert}`]) {
      renewTls(server, { ...second, clientCa })
      const answer = await ask(port, { agent })
      expect(answer).toMatchObject({ localPort, headers: { connection: 'keep-alive' } })
    }
  })

  it('close also when the one that goes came by an earlier call', async () => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    renewTls(server, { ...first, clientCa: ca.cert + otherCa.cert })
    const agent = keepAlive({ ...otherClient })
    expect(await ask(port, { agent })).toMatchObject({ body: { authorized: true } })
    renewTls(server, { ...first, clientCa: ca.cert })
    expect(await ask(port, { agent })).toMatchObject({ headers: { connection: 'close' } })
    expect(await ask(port, { agent })).toMatchObject({ body: { authorized: false } })
  })

  it('are not outlived by a handshake that began before', async () => {
    const { server, port } = await serveTls({ clientCa: ca.cert })
    const accepted = once(server, 'connection')
    const plain = connectPlain(port, '127.0.0.1')
    await accepted
    renewTls(server, { ...first, clientCa: otherCa.cert })
    const socket = tlsConnect({ socket: plain, rejectUnauthorized: false, ...client })
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    const answer = await received(socket)
    // It was let in, as those before it, for one request.
    expect(answer).toContain('{"authorized":true}')
    expect(answer).toContain('Connection: close')
  })

  it('are kept again once such handshakes are over', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    atEnd(() => void vi.useRealTimers())
    const { server, port } = await serveTls({ clientCa: ca.cert })
    renewTls(server, { ...first, clientCa: otherCa.cert })
    const meanwhile = await ask(port, { agent: keepAlive(otherClient) })
    expect(meanwhile.headers).toMatchObject({ connection: 'close' })
    vi.advanceTimersByTime(12_000)
    const agent = keepAlive({ ...otherClient })
    const { localPort } = await ask(port, { agent })
    expect(await ask(port, { agent })).toMatchObject({ localPort, body: { authorized: true } })
  })
})
