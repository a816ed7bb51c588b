import { describe, expect, it } from 'vitest'
import { type CorsOptions, corsAllowlist } from '../src/index.js'
import { optionError, request, serve } from './serve.js'

const EXPOSED =
  'WWW-Authenticate,Mcp-Session-Id,Retry-After,RateLimit,RateLimit-Policy,X-Request-Id'

const ALLOWED = 'https://app.example.com'

async function served(origins: readonly string[] = [ALLOWED], options?: CorsOptions) {
  const { url } = await serve((app) => {
    app.use(corsAllowlist(origins, options))
    // Where authentication would be.
    app.use((_req, res) => void res.status(401).set('WWW-Authenticate', 'Bearer').json('who?'))
  })
  return async function ask(method: string, headers: Record<string, string>) {
    const response = await fetch(url, { method, headers })
    const cors = [...response.headers].filter(([name]) => /^(access-control-|vary)/.test(name))
    return {
      status: response.status,
      headers: Object.fromEntries(cors),
      text: await response.text(),
    }
  }
}

function preflight(origin: string, requestHeaders?: string, method = 'POST') {
  return {
    Origin: origin,
    'Access-Control-Request-Method': method,
    ...(requestHeaders !== undefined && { 'Access-Control-Request-Headers': requestHeaders }),
  }
}

const FIXED =
  'Authorization,Content-Type,MCP-Protocol-Version,Mcp-Method,Mcp-Name,Mcp-Session-Id,Last-Event-ID'

describe('corsAllowlist: preflight', () => {
  it('answers a listed origin with 204 and all that MCP needs, before authentication', async () => {
    const ask = await served()
    expect(await ask('OPTIONS', preflight(ALLOWED, 'authorization,content-type'))).toEqual({
      status: 204,
      headers: {
        'access-control-allow-origin': ALLOWED,
        'access-control-allow-methods': 'GET,POST,DELETE',
        'access-control-allow-headers': FIXED,
        'access-control-expose-headers': EXPOSED,
        'access-control-max-age': '600',
        vary: 'Access-Control-Request-Headers, Origin',
      },
      text: '',
    })
  })

  it.each([
    ...[
      'https://evil.example',
      'null',
      '*',
      '',
      `${ALLOWED}.evil.example`,
      `${ALLOWED}:444`,
      `${ALLOWED}/`,
    ],
    ...[
      'http://app.example.com',
      'https://APP.example.com',
      `${ALLOWED}, ${ALLOWED}`,
      'constructor',
    ],
    ...['HTTPS://app.example.com', 'https://app.example.com.', 'https://app.example.com:443'],
    ...['https://user@app.example.com', `${ALLOWED}@evil.example`, 'https://xapp.example.com'],
    ...[
      `${ALLOWED} https://evil.example`,
      `${ALLOWED},${ALLOWED}`,
      `${ALLOWED}\tx`,
      `${ALLOWED}%00`,
    ],
    ...[
      'https://app_example.com',
      'https://example.com',
      'app.example.com',
      'file://',
      'undefined',
    ],
  ])('gives the origin %j no permission', async (origin) => {
    const ask = await served()
    expect(await ask('OPTIONS', preflight(origin, 'authorization,mcp-param-x'))).toEqual({
      status: 204,
      headers: { vary: 'Access-Control-Request-Headers, Origin' },
      text: '',
    })
  })

  it('allows the Mcp-Param-* headers that are asked for, and no others', async () => {
    const ask = await served()
    const asked =
      'mcp-param-region, Mcp-Param-User-Id,mcp-param-region,x-evil,cookie,mcp-param-,mcp-param-a_b,*'
    const { headers } = await ask('OPTIONS', preflight(ALLOWED, asked))
    expect(headers['access-control-allow-headers']).toBe(
      `${FIXED},mcp-param-region,mcp-param-user-id`,
    )
  })

  it('reflects a bounded number of names of bounded length', async () => {
    const ask = await served()
    const many = Array.from({ length: 500 }, (_, i) => `mcp-param-${i}`).join(',')
    const long = `mcp-param-${'a'.repeat(65)}`
    const { headers } = await ask('OPTIONS', preflight(ALLOWED, `${long},${many}`))
    const reflected = headers['access-control-allow-headers']?.split(',').slice(7)
    expect(reflected).toHaveLength(32)
    expect(reflected).not.toContain(long)
  })

  it('writes nothing else of what it is asked into its answer', async () => {
    const { port } = await serve((app) => app.use(corsAllowlist([ALLOWED])))
    const asked =
      'mcp-param-a%0d%0aset-cookie: a=b,mcp-param-b:c,mcp-param-c d,mcp-param-\xe9,mcp-param-d\tset-cookie,mcp-param-ok'
    const answer = await request(
      port,
      [
        ...['Host: a', `Origin: ${ALLOWED}`, 'Access-Control-Request-Method: EVIL'],
        ...[`Access-Control-Request-Headers: ${asked}`, 'Access-Control-Request-Headers: x-evil'],
        'Access-Control-Request-Private-Network: true',
      ],
      'OPTIONS / HTTP/1.1',
    )
    expect(answer).toContain(`Access-Control-Allow-Headers: ${FIXED},mcp-param-ok\r\n`)
    expect(answer).not.toMatch(/evil|set-cookie|private-network/i)
  })

  it.each(['\r', '\n', '\0'])('is refused with a bare %j in a header', async (character) => {
    const { port } = await serve((app) => app.use(corsAllowlist([ALLOWED])))
    const origin = [`Origin: ${ALLOWED}`, 'Access-Control-Request-Method: POST']
    const names = `Access-Control-Request-Headers: mcp-param-a${character}Set-Cookie: a=b`
    const answer = await request(port, ['Host: a', ...origin, names], 'OPTIONS / HTTP/1.1')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).not.toContain('Set-Cookie')
  })

  it('gives no permission to two Origin headers, whichever comes first', async () => {
    const { port } = await serve((app) => app.use(corsAllowlist([ALLOWED], { credentials: true })))
    const [listed, evil] = [`Origin: ${ALLOWED}`, 'Origin: https://evil.example']
    for (const lines of [
      [listed, evil],
      [evil, listed],
      [listed, listed],
      [listed, 'Origin:'],
    ]) {
      const all = ['Host: a', ...lines, 'Access-Control-Request-Method: POST']
      const answer = await request(port, all, 'OPTIONS / HTTP/1.1')
      expect(answer).toMatch(/^HTTP\/1\.1 204 /)
      expect(answer).not.toContain('Access-Control-Allow')
    }
  })

  it('is only what browsers send as one: any other OPTIONS needs a token', async () => {
    const ask = await served()
    expect(await ask('OPTIONS', {})).toMatchObject({ status: 401 })
    expect(await ask('OPTIONS', { Origin: ALLOWED })).toMatchObject({ status: 401 })
    expect(await ask('OPTIONS', { Origin: 'https://evil.example' })).toMatchObject({ status: 401 })
    expect(await ask('OPTIONS', { 'Access-Control-Request-Method': 'POST' })).toMatchObject({
      status: 401,
    })
    expect(await ask('POST', preflight(ALLOWED))).toMatchObject({ status: 401 })
  })
})

describe('corsAllowlist: requests', () => {
  it('lets pages of a listed origin read a refusal and its headers', async () => {
    const ask = await served()
    expect(await ask('POST', { Origin: ALLOWED })).toEqual({
      status: 401,
      headers: {
        'access-control-allow-origin': ALLOWED,
        'access-control-expose-headers': EXPOSED,
        vary: 'Origin',
      },
      text: '"who?"',
    })
  })

  it('gives others nothing but Vary', async () => {
    const ask = await served()
    const others: Record<string, string>[] = [{}, { Origin: `${ALLOWED}1` }, { Origin: 'null' }]
    for (const headers of others) {
      expect(await ask('POST', headers)).toMatchObject({ status: 401, headers: { vary: 'Origin' } })
      expect(Object.keys((await ask('POST', headers)).headers)).toEqual(['vary'])
    }
  })

  it('does nothing at all with an empty list', async () => {
    const ask = await served([])
    expect(await ask('OPTIONS', preflight(ALLOWED))).toMatchObject({ status: 401, headers: {} })
    expect(await ask('POST', { Origin: ALLOWED })).toMatchObject({ status: 401, headers: {} })
  })
})

describe('corsAllowlist: options', () => {
  it('takes more headers, another time, and credentials', async () => {
    const ask = await served([ALLOWED], {
      allowedHeaders: ['Traceparent'],
      exposedHeaders: ['X-Powered'],
      maxAgeSeconds: 0,
      credentials: true,
    })
    expect((await ask('OPTIONS', preflight(ALLOWED))).headers).toMatchObject({
      'access-control-allow-headers': `${FIXED},Traceparent`,
      'access-control-expose-headers': `${EXPOSED},X-Powered`,
      'access-control-max-age': '0',
      'access-control-allow-credentials': 'true',
    })
    const evil = await ask('POST', { Origin: 'https://evil.example' })
    expect(evil.headers).toEqual({ vary: 'Origin' })
  })

  it.each([
    ['HTTPS://App.Example.com:443', 'https://app.example.com'],
    ['http://localhost:80', 'http://localhost'],
    ['http://[0:0::1]:3000', 'http://[::1]:3000'],
    ['chrome-extension://abcdefghijklmnop', 'chrome-extension://abcdefghijklmnop'],
  ])('takes %s for %s, as browsers write it', async (listed, sent) => {
    const ask = await served([listed])
    const { headers } = await ask('GET', { Origin: sent })
    expect(headers['access-control-allow-origin']).toBe(sent)
  })

  it.each([
    ...['*', 'null', '', 'https://*', 'https://*.example.com', 'https://app.example.com/'],
    ...['https://app.example.com/path', 'https://app.example.com?x', 'https://app.example.com#x'],
    ...['https://user:pass@app.example.com', 'https://user@app.example.com', 'app.example.com'],
    ...[
      '//app.example.com',
      'https:app.example.com',
      'https://',
      'https://a b',
      'https://app.example.com:',
    ],
    ...['https://app.example.com:0', 'https://app.example.com:65536', 'https://app.example.com.'],
    ...[
      'https://b\u00fccher.example',
      'http://127.1',
      'file://',
      'file://host',
      ' https://app.example.com',
    ],
    ...['https://app.example.com\n', 'https://a.example,https://b.example'],
  ])('refuses the origin %j at creation', (origin) => {
    expect(() => corsAllowlist([origin])).toThrow(optionError('origins'))
  })

  it.each([
    ['origins', () => corsAllowlist('https://app.example.com' as unknown as string[])],
    ['origins', () => corsAllowlist([/./] as unknown as string[])],
    ['allowedHeaders', () => corsAllowlist([], { allowedHeaders: ['*'] })],
    ['allowedHeaders', () => corsAllowlist([], { allowedHeaders: ['a\r\nb'] })],
    ['exposedHeaders', () => corsAllowlist([], { exposedHeaders: ['a,b'] })],
    ['maxAgeSeconds', () => corsAllowlist([], { maxAgeSeconds: -1 })],
    ['credentials', () => corsAllowlist([], { credentials: 'yes' as unknown as boolean })],
  ])('refuses wrong %s', (option, create) => {
    expect(create).toThrow(optionError(option))
  })
})
