import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6 } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type OutboundOptions, outbound } from '../src/outbound.js'
import { json, publisher } from './publisher.js'

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

const closers: (() => void)[] = []
beforeEach(() => {
  lookups.length = 0
  answers.clear()
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** Counts who comes to this machine, by any protocol. */
async function trap(host = '127.0.0.1') {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.destroy()
  }).listen(0, host)
  closers.push(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port, connections: () => connections }
}

/** The text of the failure; `none` when there was none. */
async function problem(url: string, options: OutboundOptions = {}): Promise<string> {
  const send = outbound({ timeoutMs: 2000, ...options })
  return send(url, { maxBytes: 1000 }).then(
    () => 'none',
    (error: Error) => error.message,
  )
}

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
    ['255.255.255.255', 'broadcast'],
    ['::1', 'loopback'],
    ['::', 'unspecified'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::127.0.0.1', 'loopback'],
    ['::7f00:1', 'reserved'],
    ['64:ff9b::a00:1', 'rfc6052'],
    ['fd00::1', 'uniqueLocal'],
    ['fe80::1', 'linkLocal'],
    ['ff02::1', 'multicast'],
  ])('goes nowhere when it resolves to %s', async (address, range) => {
    const { port, connections } = await trap()
    answers.set('idp.example', [[address]])
    expect(await problem(`https://idp.example:${port}/jwks`)).toBe(
      `@mcp-prod/auth: https://idp.example:${port}/jwks cannot be used: it resolves to an address that is not public (${range})`,
    )
    expect(connections()).toBe(0)
  })

  it.each([[['127.0.0.1', NOBODY]], [[NOBODY, '127.0.0.1']], [[NOBODY, '8.8.8.8', '::1']]])(
    'goes nowhere when one address of several is private: %j',
    async (addresses) => {
      const { port, connections } = await trap()
      answers.set('idp.example', [addresses])
      expect(await problem(`https://idp.example:${port}/`)).toMatch(/not public \(loopback\)$/)
      expect(connections()).toBe(0)
    },
  )

  it('goes to the address that was checked, whatever the name resolves to a moment later', async () => {
    const { port, connections } = await trap()
    answers.set('rebind.example', [[NOBODY], ['127.0.0.1']])
    const text = await problem(`https://rebind.example:${port}/`, { timeoutMs: 300 })
    expect(text).toMatch(/ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|no answer within/)
    expect(lookups).toEqual(['rebind.example'])
    expect(connections()).toBe(0)
    expect(await problem(`https://rebind.example:${port}/`)).toMatch(/not public \(loopback\)$/)
    expect(connections()).toBe(0)
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
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[64:ff9b::7f00:1]',
    '0',
    '0.0.0.0',
    '[::]',
    '169.254.169.254',
    '0xa9fea9fe',
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

describe('plain http', () => {
  it('stays on this machine, and there only with hosts allowed by name', async () => {
    const { port, allowed, asked } = await publisher(json({}))
    answers.set('idp.internal', [['127.0.0.1']])
    for (const [host, privateHosts] of [
      ['127.0.0.1', ['127.0.0.1']],
      ['127.0.0.1', allowed.privateHosts],
      ['0x7f.1', ['127.0.0.1']],
      ['idp.internal', ['idp.internal']],
      ['IDP.Internal', ['idp.INTERNAL']],
      ['idp.internal', [`other:1`, `idp.internal:${port}`]],
    ] as const) {
      expect(await problem(`http://${host}:${port}/`, { privateHosts })).toBe('none')
    }
    expect(asked).toHaveLength(6)
    for (const [host, privateHosts] of [
      ['127.0.0.1', []],
      ['127.0.0.1', ['localhost']],
      ['127.0.0.1', ['127.0.0.1:1']],
      ['127.0.0.2', ['127.0.0.1']],
      ['idp.internal', ['internal']],
      ['idp.internal.', ['idp.internal']],
      ['idp.internal', ['idp.internal:80']],
      ['not-idp.internal', ['idp.internal']],
    ] as const) {
      if (host !== '127.0.0.1') answers.set(host, [['127.0.0.1']])
      expect(await problem(`http://${host}:${port}/`, { privateHosts })).toMatch(/not public/)
    }
    expect(asked).toHaveLength(6)
  })

  it('takes a port that goes without saying for one that is named', async () => {
    answers.set('idp.internal', [['127.0.0.1']])
    const options = { privateHosts: ['idp.internal:1'] }
    expect(await problem('http://idp.internal:1/', options)).toMatch(/ECONNREFUSED/)
    for (const [url, privateHosts] of [
      ['http://idp.internal/', ['idp.internal:80']],
      ['https://idp.internal/', ['idp.internal:443']],
    ] as const) {
      expect(await problem(url, { privateHosts })).not.toMatch(/not public/)
      expect(await problem(url, options)).toMatch(/not public/)
    }
  })

  it('to other machines needs the option with the warning in its name', async () => {
    answers.set('idp.example', [[NOBODY]])
    answers.set('idp.internal', [['10.0.0.1']])
    const privateHosts = ['idp.internal']
    for (const host of ['idp.example', 'idp.internal']) {
      expect(await problem(`http://${host}/`, { privateHosts })).toMatch(/stay on this machine/)
    }
    const dangerous = { dangerouslyAllowHttp: true, timeoutMs: 300 }
    expect(await problem('http://idp.example/', dangerous)).not.toMatch(/this machine|not public/)
    // It is about http alone.
    expect(await problem('http://idp.internal/', dangerous)).toMatch(/not public \(private\)/)
  })
})

describe('a host allowed by name', () => {
  it.each(['169.254.169.254', 'fe80::1', '0.0.0.0', '::', '224.0.0.1', '64:ff9b::a00:1'])(
    'still may not be %s',
    async (address) => {
      answers.set('idp.internal', [[address]])
      const options = { privateHosts: ['idp.internal'] }
      expect(await problem('https://idp.internal/', options)).toMatch(/not public/)
    },
  )

  it('may have a name as container networks have them', async () => {
    const { port } = await publisher(json({}))
    answers.set('auth_server', [['127.0.0.1']])
    const privateHosts = [`auth_server:${port}`]
    expect(await problem(`http://auth_server:${port}/`, { privateHosts })).toBe('none')
  })

  it('is connected to at the address that was checked', async () => {
    const { port, asked } = await publisher(json({}))
    answers.set('idp.internal', [['127.0.0.1'], ['10.0.0.1']])
    const send = outbound({ privateHosts: ['idp.internal'] })
    for (let i = 0; i < 3; i++) await send(`http://idp.internal:${port}/`, { maxBytes: 1000 })
    expect(asked).toHaveLength(3)
    // Once: a kept connection is one that was checked.
    expect(lookups).toEqual(['idp.internal'])
  })
})

describe('what is no web address', () => {
  it.each(['file:///etc/passwd', 'data:application/json,{}', 'ftp://idp.example/', 'javascript:0'])(
    'is not fetched: %s',
    async (url) => {
      expect(await problem(url, { dangerouslyAllowHttp: true })).toMatch(/it is no https URL$/)
    },
  )
})

describe('a failure', () => {
  it('shows neither credentials nor the query', async () => {
    const dead = 'http://me:pass@127.0.0.1:1/jwks?key=secret#secret'
    for (const options of [{}, { privateHosts: ['127.0.0.1'] }]) {
      const text = await problem(dead, options)
      expect(text).toContain('http://127.0.0.1:1/jwks cannot be used')
      expect(text).not.toMatch(/me|pass|secret/)
    }
  })

  it('says what is wrong with the name', async () => {
    expect(await problem('https://nobody.example/')).toMatch(/ENOTFOUND nobody.example$/)
  })
})
