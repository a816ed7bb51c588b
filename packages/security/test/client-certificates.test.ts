import type { TLSSocket } from 'node:tls'
import express from 'express'
import { beforeAll, describe, expect, it } from 'vitest'
import { createServer, type TlsOptions } from '../src/index.js'
import { type Identity, selfSigned, signedBy } from './certificates.js'
import { listen } from './serve.js'
import { converse } from './tls-client.js'

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const
const clients = new Map<string, Partial<Identity>>()
let own: Identity
let clientCa: string

beforeAll(() => {
  own = selfSigned('/CN=localhost')
  const ca = selfSigned('/CN=clients')
  clientCa = ca.cert
  const good = signedBy(ca, '/CN=good', { extensions: 'basicConstraints=CA:FALSE' })
  const middle = signedBy(ca, '/CN=middle', { extensions: 'basicConstraints=critical,CA:TRUE' })
  const chained = signedBy(middle, '/CN=chained')
  const forged = signedBy(good, '/CN=forged')
  clients.set('no certificate', {})
  clients.set('a good one', good)
  clients.set('a chain', { key: chained.key, cert: chained.cert + middle.cert })
  clients.set('one of another CA', signedBy(selfSigned('/CN=others'), '/CN=good'))
  clients.set(FORGED, signedBy(selfSigned('/CN=clients'), '/CN=good'))
  clients.set('one signed by itself', selfSigned('/CN=good'))
  clients.set('an expired one', signedBy(ca, '/CN=good', { to: '20200201000000Z' }))
  clients.set('one of the future', signedBy(ca, '/CN=good', { from: '20980101000000Z' }))
  clients.set(
    'one for servers',
    signedBy(ca, '/CN=good', { extensions: 'extendedKeyUsage=serverAuth' }),
  )
  clients.set('one signed by a client', { key: forged.key, cert: forged.cert + good.cert })
})

/** Answers whether the client is authorized, and counts requests. */
async function serveMutual(tls: Omit<TlsOptions, 'key' | 'cert'>) {
  let requests = 0
  const app = express()
  app.get('/', (req, res) => {
    requests++
    const { authorized } = req.socket as TLSSocket
    res.json({ authorized, asked: (req.socket as TLSSocket).getPeerCertificate().subject?.CN })
  })
  const server = createServer(app, { tls: { ...own, ...tls } })
  return { server, port: await listen(server), requests: () => requests }
}

function clientOf(name: string, version: (typeof VERSIONS)[number]) {
  const { key, cert } = clients.get(name) ?? {}
  if (!clients.has(name)) throw new Error(`no client ${name}`)
  return { key, cert, minVersion: version, maxVersion: version }
}

const VALID = ['a good one', 'a chain']
const FORGED = 'one of a CA of the same name'
const INVALID = [
  FORGED,
  'no certificate',
  'one of another CA',
  'one signed by itself',
  'an expired one',
  'one of the future',
  'one for servers',
  'one signed by a client',
]
const each = (names: string[]) =>
  names.flatMap((name) => VERSIONS.map((version) => [name, version] as const))

describe('clientCertificates', () => {
  it.each(each(['no certificate', 'a good one']))(
    'none: nobody is asked (%s, %s)',
    async (...who) => {
      const { port } = await serveMutual({})
      const off = await serveMutual({ clientCa, clientCertificates: 'none' })
      for (const at of [port, off.port]) {
        expect(await converse(at, clientOf(...who))).toMatchObject({ body: { authorized: false } })
        expect((await converse(at, clientOf(...who))).body).not.toHaveProperty('asked')
      }
    },
  )

  it.each(each(VALID))('optional, the default: authorized with %s (%s)', async (...who) => {
    const { port } = await serveMutual({ clientCa })
    expect(await converse(port, clientOf(...who))).toMatchObject({ body: { authorized: true } })
  })

  it.each(each(INVALID))('optional: a stranger with %s (%s), not refused', async (...who) => {
    const { port } = await serveMutual({ clientCa, clientCertificates: 'optional' })
    const { answer, body } = await converse(port, clientOf(...who))
    // Node takes what OpenSSL notes about a false signature for an error of the connection (TLS 1.2).
    if (who[0] === FORGED && answer === '') return
    expect(body).toMatchObject({ authorized: false })
  })

  it.each(each(VALID))('required: authorized with %s (%s)', async (...who) => {
    const { port } = await serveMutual({ clientCa, clientCertificates: 'required' })
    expect(await converse(port, clientOf(...who))).toMatchObject({ body: { authorized: true } })
  })

  it.each(each(INVALID))('required: no request of a client with %s (%s)', async (...who) => {
    const { port, requests } = await serveMutual({ clientCa, clientCertificates: 'required' })
    expect(await converse(port, clientOf(...who))).toMatchObject({ answer: '' })
    expect(requests()).toBe(0)
    expect(await converse(port, clientOf('a good one', who[1]))).toMatchObject({
      body: { authorized: true },
    })
  })

  it.each(each(['no certificate', 'one signed by itself', 'a good one']))(
    'no session is resumed, where Node would believe anyone (%s, %s)',
    async (...who) => {
      const { port } = await serveMutual({ clientCa })
      const first = await converse(port, clientOf(...who))
      const again = await converse(port, { ...clientOf(...who), session: first.session })
      expect(again.body).toEqual(first.body)
      expect(again.reused).toBe(false)
      const stranger = { ...clientOf('no certificate', who[1]), session: first.session }
      expect(await converse(port, stranger)).toMatchObject({ body: { authorized: false } })
    },
  )
})
