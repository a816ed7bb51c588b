import { describe, expect, it } from 'vitest'
import { addressProblem } from '../src/address.js'

const outside = { mayBePrivate: false, mustBeLoopback: false }
const trusted = { mayBePrivate: true, mustBeLoopback: false }

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '172.15.255.255',
  '172.32.0.0',
  '192.167.255.255',
  '100.63.255.255',
  '100.128.0.0',
  '223.255.255.255',
  '2606:4700:4700::1111',
  '2a00:1450::1',
  '::ffff:8.8.8.8',
  // NAT64 of a public address.
  '64:ff9b::808:808',
]

const PRIVATE = [
  '127.0.0.1',
  '127.255.255.254',
  '10.0.0.1',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '100.64.0.1',
  '100.127.255.255',
  '::1',
  '::ffff:10.0.0.1',
  '::ffff:7f00:1',
  // How the system writes ::a00:1.
  '::10.0.0.1',
  'fc00::1',
  'fd00::1',
]

const NEVER = [
  '0.0.0.0',
  '0.1.2.3',
  '169.254.169.254',
  '::ffff:169.254.169.254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  '224.0.0.1',
  '239.255.255.255',
  '240.0.0.1',
  '255.255.255.255',
  '192.0.0.170',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '::',
  'ff02::1',
  '2001:db8::1',
  '3fff::1',
  '100::1',
  '5f00::1',
  // Of these, IPv4 addresses are only a part: 10.0.0.1 and 127.0.0.1 in all the ways there are.
  '::a00:1',
  '::ffff:0:10.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b::7f00:1',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::a00:1',
  '64:ff9b:1:a00:0:1:808:808',
  '2002:a00:1::',
  '2002:7f00:1::',
  '2001:0:a00:1::',
  // Nobody's yet.
  '4000::1',
  '::2',
  '',
  'localhost',
  '8.8.8.8.8',
  '8.8.8.8/8',
]

describe('addresses', () => {
  it.each(PUBLIC)('of the public internet are free: %s', (address) => {
    expect(addressProblem(address, outside)).toBeUndefined()
    expect(addressProblem(address, trusted)).toBeUndefined()
  })

  it.each(PRIVATE)('of private networks are for hosts allowed by name: %s', (address) => {
    expect(addressProblem(address, outside)).toMatch(/not public/)
    expect(addressProblem(address, trusted)).toBeUndefined()
  })

  it.each(NEVER)('of other kinds are for nobody: %j', (address) => {
    expect(addressProblem(address, outside)).toMatch(/not public/)
    expect(addressProblem(address, trusted)).toMatch(/not public/)
  })

  it('must be loopback for plain http', () => {
    const http = { mayBePrivate: true, mustBeLoopback: true }
    for (const address of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      expect(addressProblem(address, http)).toBeUndefined()
    }
    for (const address of ['8.8.8.8', '10.0.0.1', 'fd00::1', '0.0.0.0', '::', '64:ff9b::7f00:1']) {
      expect(addressProblem(address, http)).toMatch(/stay on this machine/)
    }
    expect(addressProblem('127.0.0.1', { ...http, mayBePrivate: false })).toMatch(/not public/)
  })
})
