import type { LookupAddress } from 'node:dns'
import { readFile } from 'node:fs/promises'
import { createServer, isIPv6 } from 'node:net'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { type HttpClientOptions, HttpError, httpClient } from '../src/index.js'
import { atEnd, clientOf, httpServer, rawServer, timed } from './http-servers.js'

// No name server of ours can be the system's: the one thing here that is not real is what names resolve to.
const { lookups, answers } = vi.hoisted(() => ({
  lookups: [] as string[],
  answers: new Map<string, string[][]>(),
}))
vi.mock('node:dns', async (original) => {
  const dns = await original<typeof import('node:dns')>()
  function lookup(
    hostname: string,
    _options: unknown,
    callback: (error: Error | null, addresses: LookupAddress[]) => void,
  ) {
    lookups.push(hostname)
    const turns = answers.get(hostname) ?? []
    const addresses = (turns.length > 1 ? turns.shift() : turns[0]) ?? []
    const error = addresses.length > 0 ? null : new Error(`getaddrinfo ENOTFOUND ${hostname}`)
    const found = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
    setImmediate(() => callback(error, found))
  }
  return { ...dns, lookup }
})

/** Public by its range, but of a network that was given back: nobody is there. */
const NOBODY = '3ffe::1'

beforeEach(() => {
  lookups.length = 0
  answers.clear()
})

/** Counts who comes to this machine, by any protocol. */
async function trap() {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => {}).destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => server.close())
  const { port } = server.address() as { port: number }
  return { port, connections: () => connections }
}

/** What the request failed with; `none` when there was an answer. */
async function problem(url: string | URL, options: HttpClientOptions = {}): Promise<string> {
  const limits = { connectTimeoutMs: 300, timeout: { attemptMs: 2000 } }
  const { error, value } = await timed(clientOf(undefined, { ...limits, ...options }).request(url))
  if (value) return 'none'
  expect(error).toBeInstanceOf(HttpError)
  return String(error?.message)
}

it('goes by the same rules as auth', async () => {
  const own = await readFile(new URL('../src/address.ts', import.meta.url), 'utf8')
  expect(own).toBe(await readFile(new URL('../../auth/src/address.ts', import.meta.url), 'utf8'))
})

describe('https to a public name', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['169.254.169.254', 'linkLocal'],
    ['100.64.0.1', 'carrierGradeNat'],
    ['0.0.0.0', 'unspecified'],
    ['224.0.0.1', 'multicast'],
    ['::1', 'loopback'],
    ['::ffff:169.254.169.254', 'linkLocal'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['64:ff9b::a00:1', 'rfc6052'],
    ['fd00::1', 'uniqueLocal'],
    ['fe80::1', 'linkLocal'],
  ])('goes nowhere when it resolves to %s', async (address, range) => {
    const { port, connections } = await trap()
    answers.set('api.example', [[address]])
    expect(await problem(`https://api.example:${port}/path`)).toBe(
      `@mcp-prod/resilience: test: GET https://api.example:${port}/path: it resolves to an address that is not public (${range})`,
    )
    expect(connections()).toBe(0)
  })

  it.each([[['127.0.0.1', NOBODY]], [[NOBODY, '127.0.0.1']], [[NOBODY, '8.8.8.8', '::1']]])(
    'goes nowhere when one address of several is private: %j',
    async (addresses) => {
      const { port, connections } = await trap()
      answers.set('api.example', [addresses])
      expect(await problem(`https://api.example:${port}/`)).toMatch(/not public \(loopback\)$/)
      expect(connections()).toBe(0)
    },
  )

  it('goes to the address that was checked, whatever the name resolves to a moment later', async () => {
    const { port, connections } = await trap()
    answers.set('rebind.example', [[NOBODY], ['127.0.0.1']])
    const url = `https://rebind.example:${port}/`
    expect(await problem(url)).toMatch(
      /ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|no connection within 300 ms/,
    )
    expect(lookups).toEqual(['rebind.example'])
    expect(await problem(url)).toMatch(/not public \(loopback\)$/)
    expect(connections()).toBe(0)
  })

  it('is not tried again when it was refused', async () => {
    answers.set('api.example', [['10.0.0.1']])
    const client = clientOf(undefined, { retry: { minDelayMs: 1 } })
    await expect(client.request('https://api.example/')).rejects.toThrow('not public')
    expect(lookups).toHaveLength(1)
  })
})

describe('an address as host', () => {
  it.each([
    '127.0.0.1',
    '2130706433',
    '0x7f000001',
    '0x7f.1',
    '0177.0.0.1',
    '017700000001',
    '127.1',
    '127.0.0.1.',
    '１２７.０.０.１',
    '①②⑦.0.0.1',
    '%31%32%37.0.0.1',
    '127。0。0。1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '0',
    '[::]',
    '169.254.169.254',
    '2852039166',
    '0xa9fea9fe',
    '0251.0376.0251.0376',
    '[::ffff:169.254.169.254]',
    '[fe80::1]',
    '10.1',
  ])('is recognised however it is written: %s', async (host) => {
    const { port, connections } = await trap()
    for (const scheme of ['https', 'http']) {
      const options = scheme === 'http' ? { dangerouslyAllowHttp: true } : {}
      const url = `${scheme}://${host}:${port}/`
      expect(await problem(url, options)).toMatch(/an address that is not public/)
    }
    expect(connections()).toBe(0)
    expect(lookups).toEqual([])
  })
})

describe('cloud metadata', () => {
  it.each([
    ['by address', 'http://169.254.169.254/'],
    ['by number', 'http://2852039166/'],
    ['by an IPv6 address', 'http://[::ffff:a9fe:a9fe]/'],
    ['by name', 'http://metadata.internal/'],
  ])('is out of reach also as baseUrl and with everything allowed, %s', async (_case, url) => {
    answers.set('metadata.internal', [['169.254.169.254']])
    const { hostname } = new URL(url)
    const options = { dangerouslyAllowHttp: true, privateHosts: [hostname] }
    expect(await problem(url, options)).toMatch(/not public \(linkLocal\)/)
    expect(await problem(url, { ...options, baseUrl: url })).toMatch(/not public \(linkLocal\)/)
  })
})

describe('plain http', () => {
  it('stays on this machine, and there only with hosts allowed by name', async () => {
    const { port, url } = await httpServer((_req, res) => res.end())
    answers.set('api.internal', [['127.0.0.1']])
    const there = `http://api.internal:${port}/`
    expect(await problem(url, { privateHosts: ['127.0.0.1'] })).toBe('none')
    expect(await problem(there, { privateHosts: [`API.internal:${port}`] })).toBe('none')
    for (const privateHosts of [[], ['internal'], ['api.internal:80'], ['an-api.internal']])
      expect(await problem(there, { privateHosts })).toMatch(/not public \(loopback\)/)
  })

  it('to other machines needs the option with the warning in its name', async () => {
    answers.set('api.example', [[NOBODY]])
    answers.set('api.internal', [['10.0.0.1']])
    const privateHosts = ['api.internal']
    for (const host of ['api.example', 'api.internal'])
      expect(await problem(`http://${host}/`, { privateHosts })).toMatch(/stay on this machine/)
    const dangerous = { dangerouslyAllowHttp: true }
    expect(await problem('http://api.example/', dangerous)).not.toMatch(/this machine|not public/)
    // It is about http alone.
    expect(await problem('http://api.internal/', dangerous)).toMatch(/not public \(private\)/)
  })
})

describe('baseUrl', () => {
  it('may be private and plain: the operator chose it', async () => {
    const { port } = await httpServer((req, res) => res.end(req.url))
    answers.set('billing', [['127.0.0.1']])
    const client = clientOf(`http://billing:${port}/`)
    for (const [url, path] of [
      ['', '/'],
      ['/', '/'],
      ['users', '/users'],
      ['/users?a=%20b&c=../d#e', '/users?a=%20b&c=../d'],
      [`http://billing:${port}/users`, '/users'],
      [`HTTP://BILLING:${port}/users`, '/users'],
      [new URL(`http://billing:${port}/users`), '/users'],
      ['@evil.example', '/@evil.example'],
      ['..%2fadmin', '/..%2fadmin'],
      ['a..b/...', '/a..b/...'],
    ] as const)
      expect((await client.request(url)).text()).toBe(path)
  })

  it.each([
    '//evil.example/',
    '///evil.example/',
    '/\\evil.example/',
    '\\\\evil.example/',
    '\\evil',
    '/\t/evil.example/',
    '\n//evil.example/',
    ' //evil.example/',
    'https://evil.example/',
    'http://evil.example/',
    'http:evil.example',
    'http:/evil.example',
    'http:///evil.example',
    'http:\\\\evil.example',
    'HTTP:users',
    'file:///etc/passwd',
    'data:,x',
    'javascript:0',
    'ftp://billing.example/',
    '//me:pass@billing.example/v1/',
    'https://billing.example@evil.example/v1/',
    'https://billing.example:443@evil.example/v1/',
    'https://billing.example.evil.example/v1/',
    'https://billing.example:444/v1/',
    'http://billing.example/v1/',
    '/v2/users',
    '/v1',
    '/',
    '../v2',
    'users/../../v2',
    'users/..',
    './users',
    'users/%2e%2e/%2E./v2',
    '.%2e/v2',
    'users/..?a',
    'users/.\t./admin',
    'users/.\n./admin',
    'users\\..\\admin',
    'https://billing.example/v1/../v2',
  ])('is not left by %j', async (url) => {
    const client = clientOf('https://billing.example/v1/')
    const { error } = await timed(client.request(url))
    expect(error).toBeInstanceOf(HttpError)
    expect(error?.message).toMatch(/refused/)
    expect(error?.message).not.toMatch(/pass|\n/)
    expect(lookups).toEqual([])
    expect(client.stats).toEqual([])
  })

  it.each([
    'billing.example',
    'ftp://billing.example/',
    'https://billing.example/v1',
    'https://me:pass@billing.example/',
    'https://billing.example/?key=secret',
    'https://billing.example/#secret',
    '',
    7,
  ])('must be one that can be resolved against: %s', (baseUrl) => {
    const create = () => httpClient('test', { baseUrl: baseUrl as string })
    expect(create).toThrow(TypeError)
    expect(create).toThrow(/@mcp-prod\/resilience: baseUrl must be an absolute http or https URL/)
    expect(create).not.toThrow(/pass|secret/)
  })
})

describe('without a baseUrl', () => {
  it.each([
    ['/users', /is not absolute/],
    ['api.example', /is not absolute/],
    ['//api.example/', /is not absolute/],
    ['', /is not absolute/],
    ['file:///etc/passwd', /is no https URL/],
    ['ftp://api.example/', /is no https URL/],
    ['https:api.example', /is no https URL/],
    ['https:///api.example', /is no https URL/],
    ['https://[::1', /is not absolute/],
    ['https://api.example:99999/', /is not absolute/],
  ])('%j is refused', async (url, message) => {
    expect(await problem(url)).toMatch(message)
    expect(lookups).toEqual([])
  })
})

describe('credentials', () => {
  it.each([
    'https://me:pass@api.example/',
    'https://me@api.example/',
    'https://:pass@api.example/',
    'https://me:pass@127.0.0.1/',
    new URL('https://me:pass@api.example/'),
  ])('in a URL are refused and never shown: %s', async (url) => {
    const text = await problem(url)
    expect(text).toMatch(/holds credentials/)
    expect(text).not.toMatch(/\bme\b|pass/)
    expect(lookups).toEqual([])
  })

  it('and queries are in no error', async () => {
    const server = await rawServer((socket) => socket.resetAndDestroy())
    const secret = '?key=secret#secret'
    for (const [url, options] of [
      [`${server.url}${secret}`, { baseUrl: server.url }],
      [`https://[::1${secret}`, {}],
      [`https://10.0.0.1/${secret}`, {}],
      [`https://me:secret@api.example/${secret}`, {}],
      [`https://nobody.example/${secret}`, {}],
    ] as const)
      expect(await problem(url, options)).not.toContain('secret')
  })
})

describe('a request that could be two', () => {
  it.each([
    ['a', 'x\r\nHost: evil'],
    ['a', 'x\nb: c'],
    ['a', 'x\r'],
    ['a', 'x\0'],
    ['a', 'x\u0100'],
    ['a', 'x\u{10a0d}'],
    ['a\r\nb', 'x'],
    ['a b', 'x'],
    ['a:', 'x'],
    ['', 'x'],
    ['ä', 'x'],
    ['Host', 'evil.example'],
    ['content-length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['connection', 'close'],
    ['upgrade', 'h2c'],
    ['expect', '100-continue'],
    ['te', 'trailers'],
    ['a', 7 as unknown as string],
    ['a', ['x', 'y'] as unknown as string],
  ])('is refused: header %j with %j', async (name, value) => {
    const server = await rawServer((socket) => socket.end())
    const { error } = await timed(clientOf(server.url).request('/', { headers: { [name]: value } }))
    expect(error).toBeInstanceOf(HttpError)
    expect(error?.message).not.toMatch(/[\r\n\0]|evil/)
    const common = clientOf(server.url, { headers: () => ({ [name]: value }) })
    await expect(common.request('/')).rejects.toBeInstanceOf(HttpError)
    expect(server.accepted()).toBe(0)
  })

  it.each([
    'GET / HTTP/1.1\r\nHost: evil\r\n\r\nGET',
    'GE T',
    '',
    'CONNECT',
    'TRACE',
    'trace',
    'Ä',
  ])('is refused: method %j', async (method) => {
    const server = await rawServer((socket) => socket.end())
    const { error } = await timed(clientOf(server.url).request('/', { method }))
    expect(error).toBeInstanceOf(HttpError)
    expect(error?.message).not.toMatch(/[\r\n]|evil/)
    expect(server.accepted()).toBe(0)
  })

  it('is refused without counting against the server', async () => {
    const server = await httpServer((_req, res) => res.end('ok'))
    const client = clientOf(server.url, { breaker: { minimumCalls: 2 } })
    for (let i = 0; i < 20; i++)
      await expect(client.request('/', { headers: { a: '\n' } })).rejects.toThrow('header')
    expect((await client.request('/')).text()).toBe('ok')
  })

  it.each([new Headers({ a: 'b' }), [['a', 'b']], new Map([['a', 'b']]), 'a: b'])(
    'is refused: headers that would go unseen',
    async (given) => {
      const server = await rawServer((socket) => socket.end())
      const headers = given as unknown as Record<string, string>
      await expect(clientOf(server.url).request('/', { headers })).rejects.toThrow(
        'no plain object',
      )
      expect(server.accepted()).toBe(0)
    },
  )

  it('is refused: a body that is none', async () => {
    const server = await rawServer((socket) => socket.end())
    for (const body of [{}, 7, null, new URLSearchParams('a=b')]) {
      const init = { method: 'POST', body: body as unknown as string }
      await expect(clientOf(server.url).request('/', init)).rejects.toThrow(
        'neither text nor bytes',
      )
    }
    expect(server.accepted()).toBe(0)
  })
})
