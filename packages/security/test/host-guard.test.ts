import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { hostGuard } from '../src/index.js'
import { optionError, received, request, sendRaw, serve, statusOf } from './serve.js'

const hosts = ['localhost', 'MCP.example.com:8443', '127.0.0.1', '[::1]', 'api.example.com:443']
const origins = ['https://app.example.com', 'http://LOCALHOST:3000']

async function guarded(options = { hosts, origins } as Parameters<typeof hostGuard>[0]) {
  const { port } = await serve((app) => {
    app.use(hostGuard(options))
    app.all('/{*path}', (_req, res) => void res.json('in'))
  })
  return {
    port,
    ask: (lines: string[], requestLine?: string) => request(port, lines, requestLine),
    status: async (...lines: string[]) => statusOf(await request(port, lines)),
  }
}

describe('hostGuard: Host', () => {
  it.each([
    ...['localhost', 'LocalHost', 'localhost:1', 'localhost:65535', '127.0.0.1:8080'],
    ...['mcp.example.com:8443', 'MCP.EXAMPLE.COM:8443', '[::1]', '[::1]:8080', '[0:0:0:0:0:0:0:1]'],
    ...['[0000::0001]:1', 'api.example.com', 'api.example.com:443'],
  ])('lets %j in', async (host) => {
    const { status } = await guarded()
    expect(await status(`Host: ${host}`)).toBe(200)
  })

  it.each([
    ...['evil.example', 'localhost.evil.example', 'evil.localhost', 'xlocalhost', 'localhos'],
    ...['mcp.example.com', 'mcp.example.com:443', 'mcp.example.com:84430', 'api.example.com:80'],
    ...[
      'user@localhost',
      'user:pass@localhost',
      'localhost@evil.example',
      'localhost#@evil.example',
    ],
    ...[
      'localhost.',
      'localhost.:80',
      '.localhost',
      'local..host',
      '127.0.0.1.',
      '127.1',
      '2130706433',
    ],
    ...[
      'localhost:',
      'localhost:0',
      'localhost:080',
      'localhost:65536',
      'localhost:-1',
      'localhost:8o',
    ],
    ...['localhost:80:80', 'localhost:99999999999999999999', 'localhost:+80', 'localhost: 80'],
    ...['localhost,evil.example', 'localhost, localhost', 'evil.example localhost', 'localhost\tx'],
    ...[
      'localhost/',
      'localhost/evil',
      'localhost\\evil',
      'localhost?',
      'localhost;',
      '"localhost"',
    ],
    ...[
      '%6cocalhost',
      'localhost%00',
      'localhost%2eevil',
      'l\xf6calhost',
      '\xefocalhost',
      '*',
      'null',
    ],
    ...[
      '::1',
      '[::1',
      '::1]',
      '[::1]evil',
      '[::1%25lo]',
      '[::1%lo]',
      '[::2]',
      '[]',
      '[:]',
      '[localhost]',
    ],
    ...['[::ffff:127.0.0.1]', '[127.0.0.1]', 'http://localhost', 'a'.repeat(8000), '-localhost'],
    // Whose reader would stop somewhere else.
    ...[
      'localhost:80@evil.example',
      'evil.example/localhost',
      'localhost:80#evil',
      'localhost%40evil',
    ],
    ...[
      'local\thost',
      'localhost\t:80',
      'localhost\t, evil.example',
      'localhost\xa0',
      'localhost\x85',
    ],
    ...[
      'localhost&evil',
      'localhost|evil',
      "localhost'",
      'localhost`',
      '{localhost}',
      'localhost=80',
    ],
    // UTF-8 that IDNA maps to a letter, to a dot, to nothing.
    ...['\xe2\x93\x9bocalhost', 'localhost\xe3\x80\x82', 'local\xc2\xadhost'],
    // Other ways to write 127.0.0.1 and ::1, which a page of a stranger would not need.
    ...['127.0.0.01', '0177.0.0.1', '0x7f.0.0.1', '0x7f000001', '127.000.000.001', '0', '0.0.0.0'],
    ...[
      '[::ffff:7f00:1]',
      '[::127.0.0.1]',
      '[::1%eth0]',
      '[::1%00]',
      '[::1]:',
      '[::1]:080',
      '[::1]:0',
    ],
    ...['[:::1]', '[[::1]]', '[::1]]', '[::1]:80:80', '[v1.localhost]', '[ ::1]', '[::1].', '[::]'],
    ...[
      'mcp.example.com.:8443',
      'mcp.example.com:08443',
      'mcp.example.com:8443 ,',
      'api.example.com.',
    ],
  ])('keeps %j out', async (host) => {
    const { ask } = await guarded()
    const answer = await ask([`Host: ${host}`])
    expect(statusOf(answer)).toBe(403)
    const body = JSON.parse(answer.split('\r\n\r\n')[1] ?? '')
    expect(body).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: {
        code: 403,
        message: 'Forbidden: this Host is not allowed; see the option "hosts" of hostGuard',
      },
    })
  })

  it.each([
    ['a space before the colon', 'Host : localhost'],
    ['a space before the name', ' Host: localhost'],
    ['a folded line', 'Host: localhost\r\n evil.example'],
    ['a line folded by a tab', 'Host:\r\n\tlocalhost'],
    ['a bare line feed', 'Host: localhost\nX-Forwarded-Host: evil.example'],
    ['a bare carriage return', 'Host: localhost\rX-Forwarded-Host: evil.example'],
    ['a NUL', 'Host: localhost\0.evil.example'],
    ['a vertical tab', 'Host: localhost\v'],
    ['a DEL', 'Host: localhost\x7f'],
  ])('gives 400 for %s', async (_what, line) => {
    const { ask } = await guarded()
    const answer = await ask([line])
    expect(statusOf(answer)).toBe(400)
    expect(answer).not.toContain('evil')
  })

  it('looks at each request of a connection, also where an upgrade is asked for', async () => {
    const { port } = await guarded()
    const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n`
    const first = `${get('localhost')}\r\n`
    const second = `${get('evil.example')}Connection: close\r\n\r\n`
    const answers = await sendRaw(port, first + second)
    expect(answers.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 403'])
    const upgrade = ['Host: evil.example', 'Connection: Upgrade']
    for (const protocol of ['websocket', 'h2c', 'TLS/1.2']) {
      const socket = connect(port, '127.0.0.1')
      const answer = received(socket)
      socket.write(`GET / HTTP/1.1\r\n${upgrade.join('\r\n')}\r\nUpgrade: ${protocol}\r\n\r\n`)
      await once(socket, 'data')
      socket.write(second)
      expect((await answer).match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 403', 'HTTP/1.1 403'])
    }
  })

  it('keeps an empty and a missing Host out', async () => {
    const { status, ask } = await guarded()
    expect(await status('Host:')).toBe(403)
    expect(await status('Host: \t ')).toBe(403)
    // Node itself answers this one.
    expect(await status()).toBe(400)
    // HTTP/1.0 has no duty to send one.
    expect(statusOf(await ask([], 'GET / HTTP/1.0'))).toBe(403)
  })

  it.each([
    [['Host: localhost', 'Host: evil.example']],
    [['Host: localhost', 'hOsT: localhost']],
    [['Host: evil.example', 'Host: localhost']],
  ])('keeps two out: %j', async (lines) => {
    const { ask } = await guarded()
    const answer = await ask(lines)
    expect(statusOf(answer)).toBe(403)
    expect(answer).toContain('exactly one Host header')
  })

  it('finds the second one behind more headers than Node keeps by default', async () => {
    const { status } = await guarded()
    const filler = Array<string>(2100).fill('a:1')
    expect(await status('Host: localhost', ...filler)).toBe(200)
    expect(await status('Host: localhost', ...filler, 'Host: evil.example')).toBe(403)
  })

  it.each([
    ...['http://evil.example/', 'http://localhost/', 'HTTP://localhost', '*', 'localhost:80'],
    ...['http://localhost@evil.example/', 'http://evil.example@localhost/', 'http:///', 'http:/x'],
    ...[
      '\\\\evil.example',
      '?x',
      '#x',
      '@evil.example',
      'evil.example/',
      'javascript:x',
      '\t/',
      '%2f',
    ],
  ])('keeps out the request target %s, whatever Host says', async (target) => {
    const { ask } = await guarded()
    const answer = await ask(['Host: localhost'], `OPTIONS ${target} HTTP/1.1`)
    expect([400, 403]).toContain(statusOf(answer))
    expect(answer).not.toContain('"in"')
  })

  it('sees an absolute request target also where it is mounted on a path', async () => {
    const { port } = await serve((app) => {
      app.use('/mcp', hostGuard({ hosts }))
      app.get('/mcp', (_req, res) => void res.json('in'))
    })
    const ask = (target: string) => request(port, ['Host: localhost'], `GET ${target} HTTP/1.1`)
    expect(statusOf(await ask('/mcp'))).toBe(200)
    expect(statusOf(await ask('http://evil.example/mcp'))).toBe(403)
  })

  it('reads a path that looks like a host as a path', async () => {
    const { ask } = await guarded()
    for (const path of ['//evil.example/', '/@evil.example', '/http://evil.example/']) {
      expect(statusOf(await ask(['Host: evil.example'], `GET ${path} HTTP/1.1`))).toBe(403)
      expect(statusOf(await ask(['Host: localhost'], `GET ${path} HTTP/1.1`))).toBe(200)
    }
  })

  it('goes by Host alone, not by what proxies or strangers add', async () => {
    const { status } = await guarded()
    expect(await status('Host: evil.example', 'X-Forwarded-Host: localhost')).toBe(403)
    expect(await status('Host: evil.example', 'Forwarded: host=localhost')).toBe(403)
  })

  it('needs no list with dangerouslyAnyHost, but one well-formed Host still', async () => {
    const { status } = await guarded({ hosts: [], dangerouslyAnyHost: true })
    expect(await status('Host: anything.example:99')).toBe(200)
    expect(await status('Host: user@anything.example')).toBe(403)
    expect(await status('Host: a.example', 'Host: b.example')).toBe(403)
    expect(await status('Host: a.example', 'Origin: http://a.example')).toBe(403)
  })

  it('does not read the body of a request that it refuses', async () => {
    const { port } = await guarded()
    const answer = await sendRaw(
      port,
      'POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000000\r\n\r\nonly the beginning',
    )
    expect(statusOf(answer)).toBe(403)
    expect(answer).toMatch(/^connection: close\r$/im)
  })

  it('takes no longer for a hostile Host than for another', async () => {
    const { status } = await guarded()
    const started = performance.now()
    expect(await status(`Host: ${'a.'.repeat(7000)}!`)).toBe(403)
    expect(await status(`Host: [${':'.repeat(14_000)}]`)).toBe(403)
    expect(performance.now() - started).toBeLessThan(500)
  })
})

describe('hostGuard: Origin', () => {
  it('lets callers without Origin in, and pages of listed origins', async () => {
    const { status } = await guarded()
    expect(await status('Host: localhost')).toBe(200)
    expect(await status('Host: localhost', 'Origin: https://app.example.com')).toBe(200)
    expect(await status('Host: localhost', 'Origin: http://localhost:3000')).toBe(200)
  })

  it.each([
    ...[
      'null',
      '',
      '*',
      'https://evil.example',
      'http://app.example.com',
      'https://app.example.com:444',
    ],
    ...['https://app.example.com/', 'https://app.example.com:443', 'https://APP.example.com'],
    ...[
      'https://app.example.com.',
      'https://app.example.com.evil.example',
      'https://xapp.example.com',
    ],
    ...['https://user@app.example.com', 'https://app.example.com, https://app.example.com'],
    ...[
      'http://localhost',
      'http://localhost:30000',
      'app.example.com',
      'https://app.example.com\tx',
    ],
    ...['__proto__', 'constructor', 'toString', `https://${'a'.repeat(8000)}`],
  ])('keeps %j out', async (origin) => {
    const { ask } = await guarded()
    const answer = await ask(['Host: localhost', `Origin: ${origin}`])
    expect(statusOf(answer)).toBe(403)
    expect(answer).toContain('see the option \\"origins\\" of hostGuard')
    expect(answer.length).toBeLessThan(600)
  })

  it('keeps two Origin headers out, also when both are listed or one is empty', async () => {
    const { status } = await guarded()
    const listed = 'Origin: https://app.example.com'
    expect(await status('Host: localhost', listed, listed)).toBe(403)
    expect(await status('Host: localhost', listed, 'Origin: https://evil.example')).toBe(403)
    expect(await status('Host: localhost', listed, 'Origin:')).toBe(403)
    expect(await status('Host: localhost', 'Origin:', listed)).toBe(403)
  })

  it.each([
    ...[
      'HTTPS://app.example.com',
      'https://app_example.com',
      'https://appXexample.com',
      'https:app',
    ],
    ...[
      'https://app.example.com https://evil.example',
      'https://evil.example https://app.example.com',
    ],
    ...['https://app.example.com,https://app.example.com', 'https://app.example.com;', 'https://'],
    ...[
      'https://app.example.com@evil.example',
      'https://app.example.com#',
      'https://app.example.com?',
    ],
    ...['https://app.example.com\\', 'https://app.example.com%00', 'https://app.example.com:0443'],
    ...[
      'https:///app.example.com',
      'https:/app.example.com',
      '//app.example.com',
      'https://app.example.co',
    ],
    ...['file://', 'data:', 'blob:https://app.example.com', 'null, null', 'NULL', 'undefined'],
    ...[
      'http://[::1]',
      'http://[::1]:80',
      'http://[0:0:0:0:0:0:0:1]:3000',
      'http://[::1%25lo]:3000',
    ],
    ...['http://127.0.0.1:3000', 'http://[::ffff:127.0.0.1]:3000', 'http://localhost.:3000'],
  ])('keeps %j out, with an IPv6 origin beside', async (origin) => {
    const { status } = await guarded({ hosts, origins: [...origins, 'http://[::1]:3000'] })
    expect(await status('Host: localhost', `Origin: ${origin}`)).toBe(403)
    expect(await status('Host: localhost', 'Origin: http://[::1]:3000')).toBe(200)
  })

  it('gives 400 for control characters', async () => {
    const { status } = await guarded()
    for (const character of ['\0', '\r', '\v', '\x7f']) {
      const origin = `https://app.example.com${character}`
      expect(await status('Host: localhost', `Origin: ${origin}x`)).toBe(400)
    }
  })

  it('lets no origin in by default, not even that of its own host', async () => {
    const { status } = await guarded({ hosts: ['localhost'] })
    expect(await status('Host: localhost', 'Origin: http://localhost')).toBe(403)
  })
})

describe('hostGuard: options', () => {
  it.each([
    ...[
      '*',
      '*.example.com',
      'http://localhost',
      'localhost/',
      'localhost.',
      'user@localhost',
      '',
      ' ',
    ],
    ...[
      'localhost:',
      'localhost:0',
      'localhost:99999',
      'a..b',
      '::1',
      '[::g]',
      'b\u00fccher.example',
    ],
    ...['127.1', '0x7f.0.0.1', '2130706433', '1.2.3.256', 'localhost,127.0.0.1'],
  ])('refuses the host %j', (host) => {
    expect(() => hostGuard({ hosts: [host] })).toThrow(optionError('hosts', JSON.stringify(host)))
  })

  it('says how clients write a host that it refuses', () => {
    expect(() => hostGuard({ hosts: ['127.1'] })).toThrow(optionError('write "127.0.0.1"'))
  })

  it('refuses an empty list, and any host beside a list', () => {
    expect(() => hostGuard({ hosts: [] })).toThrow(optionError('hosts is empty'))
    expect(() => hostGuard({ hosts, dangerouslyAnyHost: true })).toThrow(
      optionError('dangerouslyAnyHost'),
    )
  })

  it.each([undefined, 'localhost', [1], null])('refuses hosts: %s', (value) => {
    expect(() => hostGuard({ hosts: value as unknown as string[] })).toThrow(
      optionError('hosts must be an array'),
    )
  })

  it('refuses origins that are not exact', () => {
    expect(() => hostGuard({ hosts, origins: ['*'] })).toThrow(optionError('origins', '"*"'))
  })
})
