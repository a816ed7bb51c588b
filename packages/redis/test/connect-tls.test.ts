import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hasTls } from './support/components.js'
import { opened, ready } from './support/opened.js'
import { type RedisServer, redisServer, type ServerOptions } from './support/redis-server.js'

const folder = hasTls ? mkdtempSync(join(tmpdir(), 'redis-tls-')) : ''
const file = (name: string) => join(folder, name)
const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' })

function authority(name: string) {
  const subject = ['-subj', `/CN=${name}`]
  const to = ['-keyout', file(`${name}.key`), '-out', file(`${name}.crt`)]
  openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...to)
}

function certificate(name: string, alternative: string, ca = 'ca') {
  const to = ['-keyout', file(`${name}.key`), '-out', file(`${name}.csr`)]
  const wanted = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${alternative}`]
  openssl('req', '-newkey', 'rsa:2048', '-nodes', ...wanted, ...to)
  const by = ['-CA', file(`${ca}.crt`), '-CAkey', file(`${ca}.key`), '-CAcreateserial']
  const more = ['-days', '2', '-copy_extensions', 'copy', '-out', file(`${name}.crt`)]
  openssl('x509', '-req', '-in', file(`${name}.csr`), ...by, ...more)
}

if (hasTls) {
  authority('ca')
  authority('other')
  certificate('localhost', 'DNS:localhost')
  // Sentinels and nodes of a Cluster name each other by address.
  certificate('address', 'IP:127.0.0.1')
  certificate('client', 'DNS:client')
}
const password = 'of-all-servers'

async function tlsServer(name: string, { settings = {}, ...options }: ServerOptions = {}) {
  const server = await redisServer({
    ...options,
    password,
    client: { tls: { ...own(), ...(name === 'localhost' && { servername: name }) } },
    settings: {
      'tls-cert-file': file(`${name}.crt`),
      'tls-key-file': file(`${name}.key`),
      'tls-ca-cert-file': file('ca.crt'),
      'tls-auth-clients': 'yes',
      'tls-replication': 'yes',
      ...settings,
    },
  })
  servers.push(server)
  return server
}

const read = (name: string) => readFileSync(file(name))
const own = () => ({ ca: read('ca.crt'), cert: read('client.crt'), key: read('client.key') })
const servers: RedisServer[] = []
const server = hasTls ? await tlsServer('localhost') : undefined
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
  if (hasTls) rmSync(folder, { recursive: true })
})
const url = (host: string) => `rediss://:${password}@${host}:${server?.port}`

describe.skipIf(!server)('rediss', { timeout: 30_000 }, () => {
  it('connects to the server whose certificate the CA has signed for this name, as a client of its own', async () => {
    const { redis } = opened(url('localhost'), { tls: own() })
    await ready(redis)
    expect(await redis.use((client) => client.set('a', 'b'))).toBe('OK')
    const copy = redis.duplicate({ blockMs: 1_000 })
    await ready(copy)
    expect(await copy.use((client) => client.get('a'))).toBe('b')
    await copy.close()
    const other = opened(url('127.0.0.1'), { tls: { ...own(), servername: 'localhost' } })
    await ready(other.redis)
  })

  it.each([
    ['a CA that nobody here knows', 'localhost', {}, 'certificate'],
    ['another CA', 'localhost', { ca: 'other.crt' }, 'certificate'],
    ['another name', '127.0.0.1', { ca: 'ca.crt' }, "IP: 127.0.0.1 is not in the cert's list"],
  ])('refuses %s', async (_, host, { ca }: { ca?: string }, why) => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
    try {
      const { redis, lines } = opened(url(host), ca ? { tls: { ca: read(ca) } } : {})
      await expect.poll(() => lines.join(), { timeout: 10_000 }).toContain(why)
      await expect(redis.check()).rejects.toThrow(why)
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
  })

  it('is spoken to Sentinels and to the master that they name', async () => {
    const master = await tlsServer('address')
    const sentinel = await tlsServer('address', {
      isSentinel: true,
      settings: {
        'sentinel monitor the-master': `127.0.0.1 ${master.port} 1`,
        'sentinel auth-pass the-master': password,
      },
    })
    const where = `rediss+sentinel://:${password}@127.0.0.1:${sentinel.port}/the-master`
    const { redis } = opened(where, { tls: own() })
    await ready(redis)
    const stranger = opened(where, { tls: { ...own(), ca: read('other.crt') } })
    await expect.poll(() => stranger.lines.join(), { timeout: 10_000 }).toContain('unreachable')
    await expect(stranger.redis.check()).rejects.toThrow('not connected')
  })

  it('is spoken to the nodes of a Cluster', async () => {
    const cluster = {
      'cluster-enabled': 'yes',
      'cluster-announce-ip': '127.0.0.1',
      'tls-cluster': 'yes',
    }
    const node = await tlsServer('address', { settings: cluster })
    await node.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
    const where = `rediss+cluster://:${password}@127.0.0.1:${node.port}`
    const { redis } = opened(where, { tls: own() })
    await ready(redis)
    expect(await redis.use((client) => client.set('a', 'b'))).toBe('OK')
    const stranger = opened(where, { tls: { ...own(), ca: read('other.crt') } })
    await expect.poll(() => stranger.lines.join(), { timeout: 10_000 }).toContain('certificate')
  })

  it('is what the port wants: redis does not get in', async () => {
    const { redis, lines } = opened(url('127.0.0.1').replace('rediss', 'redis'), {
      connectTimeoutMs: 500,
      commandTimeoutMs: 300,
    })
    await expect.poll(() => lines.length, { timeout: 10_000 }).toBeGreaterThan(0)
    await expect(redis.check()).rejects.toThrow('not connected')
  })
})
