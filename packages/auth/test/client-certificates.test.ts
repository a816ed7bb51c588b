import { once } from 'node:events'
import { type TLSSocket, connect as tlsConnect } from 'node:tls'
import { beforeAll, describe, expect, it } from 'vitest'
import { authenticate, clientCertificates } from '../src/index.js'
import { type Pair, selfSigned, serveTls, signedBy } from './certificates.js'
import { stopClock } from './clock.js'
import { serve } from './serve.js'

let ca: Pair
let ci: Pair
let imposter: Pair
beforeAll(() => {
  ca = selfSigned('/CN=Client CA')
  ci = signedBy(ca, '/C=SE/O=Acme/CN=ci')
  imposter = selfSigned('/C=SE/O=Acme/CN=ci')
})

const LISTED = { subject: 'CN=ci,O=Acme,C=SE', scopes: ['catalog:read'] }

describe('a client certificate', () => {
  it('identifies a listed client, as long as it is valid', async () => {
    const { ask } = await serveTls(ca, [LISTED])
    expect(await ask(ci)).toMatchObject({
      status: 200,
      body: {
        token: '[redacted]',
        clientId: LISTED.subject,
        scopes: ['catalog:read'],
        expiresAt: expect.any(Number),
        extra: { principal: LISTED.subject },
      },
    })
    const { body } = await ask(ci)
    expect(body.scopes).toEqual(['catalog:read'])
    const days = ((body.expiresAt ?? 0) - Date.now() / 1000) / 86_400
    expect(days).toBeGreaterThan(1.9)
    expect(days).toBeLessThan(2.1)
  })

  it("may stand for a principal and a tenant of a name of one's own", async () => {
    const { ask } = await serveTls(ca, [{ ...LISTED, principal: 'builder', tenant: 'acme' }])
    expect((await ask(ci)).body.extra).toEqual({ principal: 'builder', tenant: 'acme' })
  })

  it.each<[string, () => Pair | undefined]>([
    ['none at all', () => undefined],
    ['one of the same CA that is not listed', () => signedBy(ca, '/C=SE/O=Acme/CN=cd')],
    [
      'one that another CA signed',
      () => signedBy(selfSigned('/CN=Client CA'), '/C=SE/O=Acme/CN=ci'),
    ],
    ['one that signed itself', () => imposter],
    ['one that has expired', () => signedBy(ca, '/C=SE/O=Acme/CN=ci', -1)],
    ['one signed by a client instead of the CA', () => signedByClient()],
    ['one with an empty subject', () => signedBy(ca, '/')],
    ['one with the parts in another order', () => signedBy(ca, '/CN=ci/O=Acme/C=SE')],
    ['one with a part less', () => signedBy(ca, '/O=Acme/CN=ci')],
    ['one with a part more', () => signedBy(ca, '/C=SE/O=Acme/CN=ci/CN=x')],
    ['one in capitals', () => signedBy(ca, '/C=SE/O=Acme/CN=CI')],
  ])('is refused: %s', async (_case, pair) => {
    const { ask } = await serveTls(ca, [LISTED])
    expect((await ask(pair())).status).toBe(401)
  })

  it('does not outlive its expiry on a connection that does', async () => {
    const { port } = await serveTls(ca, [LISTED])
    const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...ci })
    await once(socket, 'secureConnect')
    expect(await statusOn(socket)).toBe(200)
    stopClock(new Date(Date.now() + 3 * 86_400_000).toISOString())
    expect(await statusOn(socket)).toBe(401)
    socket.destroy()
  })
})

describe('a session that is resumed', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is the client it was, until it expires: %s',
    async (version) => {
      const { ask, port } = await serveTls(ca, [LISTED], { maxVersion: version })
      const session = await sessionOf(port, ci)
      const resumed = await ask({ session })
      expect(resumed.socket.isSessionReused()).toBe(true)
      expect(resumed).toMatchObject({ status: 200, body: { clientId: LISTED.subject } })
      stopClock(new Date(Date.now() + 3 * 86_400_000).toISOString())
      expect((await ask({ session })).status).toBe(401)
    },
  )

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is nobody where it was nobody: %s', async (version) => {
    const { ask, port } = await serveTls(ca, [LISTED], { maxVersion: version })
    for (const nobody of [{}, imposter]) {
      const session = await sessionOf(port, nobody)
      for (const with_ of [{}, ci, imposter]) {
        const resumed = await ask({ session, ...with_ })
        expect(resumed.socket.isSessionReused()).toBe(true)
        expect(resumed.status).toBe(401)
      }
    }
  })
})

it('is not believed after a renegotiation with one that nobody signed', async () => {
  const { server, ask } = await serveTls(ca, [LISTED])
  // What Node 20 leaves behind then (seen with OpenSSL as the client, over TLS 1.2): still `authorized`, but an error,
  // and the subject of the new certificate.
  server.once('secureConnection', (socket: TLSSocket) => {
    expect(socket.authorized).toBe(true)
    Object.assign(socket, { authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })
  expect((await ask(ci)).status).toBe(401)
  expect((await ask(ci)).status).toBe(200)
})

describe('beside a token', () => {
  it.each([
    ['a good one is who calls', 'Bearer good', 200, 'someone'],
    ['a bad one is refused', 'Bearer bad', 401, undefined],
    ['a malformed one is refused', 'Bearer', 401, undefined],
    ['an empty header is refused', '', 401, undefined],
    ['another scheme is refused', 'Basic Zm9vOmJhcg==', 401, undefined],
    ['a token without its scheme is refused', 'good', 401, undefined],
    ['none leaves it to the certificate', undefined, 200, LISTED.subject],
  ])('%s', async (_case, authorization, status, clientId) => {
    const { ask } = await serveTls(ca, [LISTED])
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await ask({ ...ci, headers })
    expect(answer.status).toBe(status)
    expect(answer.body.clientId).toBe(clientId)
  })

  it('two of them are refused', async () => {
    const { port } = await serveTls(ca, [LISTED])
    const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...ci })
    expect(await statusOn(socket, ['Authorization:', 'Authorization: Bearer good'])).toBe(401)
    socket.destroy()
  })
})

describe('what is said of a certificate', () => {
  const claims = {
    'x-forwarded-client-cert': 'Subject="CN=ci,O=Acme,C=SE"',
    'x-ssl-client-s-dn': 'CN=ci,O=Acme,C=SE',
    'x-ssl-client-verify': 'SUCCESS',
    'client-cert': ':MIIB:',
  }

  it('in a header is not believed, neither over plain HTTP nor over TLS', async () => {
    const certificates = clientCertificates([LISTED])
    const { url } = await serve((app) => app.use(authenticate(() => undefined, { certificates })))
    expect((await fetch(url, { headers: claims })).status).toBe(401)
    const { ask } = await serveTls(ca, [LISTED])
    expect((await ask({ headers: claims })).status).toBe(401)
  })

  it('does not count on a server that asks for none', async () => {
    const { ask } = await serveTls(ca, [LISTED], { requestCert: false })
    expect((await ask(ci)).status).toBe(401)
  })
})

/** A client that plays the CA, and shows its own certificate as a link of the chain. */
function signedByClient(): Pair {
  const client = signedBy(ca, '/CN=unlisted')
  const { key, cert } = signedBy(client, '/C=SE/O=Acme/CN=ci')
  return { key, cert: cert + client.cert }
}

/** The status of a request on this connection, which stays open. */
async function statusOn(socket: TLSSocket, lines: string[] = []): Promise<number> {
  socket.write(['GET / HTTP/1.1', 'Host: localhost', ...lines, '', ''].join('\r\n'))
  const [chunk] = await once(socket, 'data')
  return Number(String(chunk).split(' ')[1])
}

/** A session of a client whom the server has answered, so that its tickets are there. */
async function sessionOf(port: number, pair: Pair | object): Promise<Buffer> {
  const socket = tlsConnect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...pair })
  const session = once(socket, 'session') as Promise<[Buffer]>
  await statusOn(socket)
  socket.destroy()
  return (await session)[0]
}
