import { describe, expect, it } from 'vitest'
import { trustProxy } from '../src/index.js'
import { optionError, serve } from './serve.js'

describe('trustProxy', () => {
  it.each([
    ['0', false],
    ['1', 1],
    [' 2 ', 2],
    ['loopback', ['loopback']],
    ['Loopback, 10.0.0.0/8', ['loopback', '10.0.0.0/8']],
    ['192.0.2.7,2001:db8::/32,fc00::/7', ['192.0.2.7', '2001:db8::/32', 'fc00::/7']],
    ['::1,linklocal,uniquelocal', ['::1', 'linklocal', 'uniquelocal']],
  ])('reads %j as %j, which Express takes', async (value, expected) => {
    expect(trustProxy(value)).toEqual(expected)
    const { url } = await serve((app) => {
      app.set('trust proxy', trustProxy(value))
      app.get('/', (_req, res) => void res.json(true))
    })
    expect((await fetch(url)).status).toBe(200)
  })

  it.each([
    ...[
      'true',
      'TRUE',
      'false',
      'yes',
      '*',
      'all',
      '',
      ' ',
      ',',
      'loopback,',
      '-1',
      '+1',
      '1.0',
      '1e0',
    ],
    ...[
      '01',
      '0x1',
      '17',
      '99',
      '100000',
      'Infinity',
      'NaN',
      'localhost',
      'proxy.example',
      '1,loopback',
    ],
    ...['0.0.0.0/0', '::/0', '1.2.3.4/0', '0.0.0.0/1', '128.0.0.0/1', '2000::/3', '10.0.0.0/7'],
    ...['10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-8', '10.0.0.0/8/8', '::1/129', '/8'],
    ...['10.0.0.0/255.0.0.0', '10.1', '0177.0.0.1', '2130706433', 'fe80::1%eth0', '[::1]'],
    // All of IPv4, as IPv4-mapped IPv6.
    ...['::ffff:0:0/96', '::ffff:10.0.0.0/104', '::/80', '1::/8', '0:0:0:0:0:ffff::/96'],
  ])('refuses %j and says what to write', (value) => {
    expect(() => trustProxy(value)).toThrow(optionError('number of proxies', 'loopback,10.0.0.0/8'))
  })

  it.each([undefined, 1, true, null])('refuses %s, which is no text', (value) => {
    expect(() => trustProxy(value as unknown as string)).toThrow(optionError(String(value)))
  })

  it.each([
    ['0', '127.0.0.1'],
    ['1', '203.0.113.9'],
    ['loopback', '203.0.113.9'],
    ['10.0.0.0/8', '127.0.0.1'],
  ])('with %s a client behind one proxy is seen as %s', async (value, ip) => {
    const { url } = await serve((app) => {
      app.set('trust proxy', trustProxy(value))
      app.get('/', (req, res) => void res.json(req.ip))
    })
    const headers = { 'X-Forwarded-For': '198.51.100.66, 203.0.113.9' }
    expect(await (await fetch(url, { headers })).json()).toBe(ip)
  })
})
