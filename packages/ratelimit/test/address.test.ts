import { ipKeyGenerator } from 'express-rate-limit'
import { describe, expect, it } from 'vitest'
import { networkOf } from '../src/address.js'

describe('networkOf', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::FFFF:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
    ['0:0:0:0:0:ffff:192.0.2.7', '192.0.2.7'],
    ['192.0.2.7:50123', '192.0.2.7'],
    ['[::ffff:192.0.2.7]:50123', '192.0.2.7'],
    ['2001:db8:1:2ff::1', '2001:db8:1:200::/56'],
    ['2001:DB8:1:2FF::1', '2001:db8:1:200::/56'],
    ['2001:0db8:0001:0200:ffff:ffff:ffff:ffff', '2001:db8:1:200::/56'],
    ['[2001:db8:1:2ff::1]:443', '2001:db8:1:200::/56'],
    ['[2001:db8:1:2ff::1]', '2001:db8:1:200::/56'],
    ['2001:db8:1:300::', '2001:db8:1:300::/56'],
    ['fe80::1%eth0', 'fe80:0:0:0::/56'],
    ['fe80::1%eth1', 'fe80:0:0:0::/56'],
    ['::1', '0:0:0:0::/56'],
    ['64:ff9b::192.0.2.7', '64:ff9b:0:0::/56'],
  ])('counts %s as %s', (address, network) => {
    expect(networkOf(address, 56)).toBe(network)
  })

  it.each([
    [32, '2001:db8::/32'],
    [48, '2001:db8:abcd::/48'],
    [60, '2001:db8:abcd:12f0::/60'],
    [64, '2001:db8:abcd:12ff::/64'],
  ])('cuts at /%i', (prefix, network) => {
    expect(networkOf('2001:db8:abcd:12ff::1', prefix)).toBe(network)
  })

  it.each([
    '',
    'localhost',
    '192.0.2.7, 10.0.0.1',
    '192.0.2.777',
    '1.2.3.4:999999',
    '[::1',
    'x'.repeat(9000),
  ])('puts %j with all other nonsense', (text) => {
    expect(networkOf(text, 56)).toBe('unknown')
  })

  it('makes the same groups of clients as express-rate-limit does', () => {
    const random = generator(42)
    const addresses = Array.from({ length: 400 }, () => {
      // Few distinct groups, so that many addresses share networks and many can be shortened.
      const groups = Array.from(
        { length: 8 },
        () => [0, 0, 1, 0xff, 0x100, 0xffff][Math.floor(random() * 6)] ?? 0,
      )
      return shorten(groups.map((group) => group.toString(16)).join(':'))
    })
    for (const prefix of [48, 56, 57, 64]) {
      const ours = new Map<string, string>()
      for (const address of addresses) {
        const theirs = ipKeyGenerator(address, prefix)
        const key = networkOf(address, prefix)
        expect([address, ours.get(theirs) ?? key]).toEqual([address, key])
        ours.set(theirs, key)
      }
      expect(new Set(ours.values()).size).toBe(ours.size)
    }
  })
})

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const shorten = (address: string) => address.replace(/(^|:)0(:0)+(:|$)/, '::')
