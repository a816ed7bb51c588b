import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runningApp } from './support/running-app.js'

let app: Awaited<ReturnType<typeof runningApp>>
beforeAll(async () => {
  app = await runningApp({ MAX_BODY: '10KiB', PRINCIPAL_LIMIT_PER_MINUTE: '20' })
})
afterAll(() => app.close())

const callOf = (name: string) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name, arguments: {} },
})

async function post(
  body: unknown,
  headers: Record<string, string> = {},
  token: string | undefined = app.token,
) {
  const response = await fetch(app.url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...(token && { Authorization: `Bearer ${token}` }),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

describe('a request is refused', () => {
  it('without a token, with a challenge that names no error', async () => {
    const { status, headers } = await post(callOf('countdown'), {}, '')
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toMatch(/^Bearer /)
    expect(headers.get('www-authenticate')).not.toContain('error=')
  })

  it('with a wrong token', async () => {
    const { status, headers } = await post(callOf('countdown'), {}, `${app.token}x`)
    expect(status).toBe(401)
    expect(headers.get('www-authenticate')).toContain('error="invalid_token"')
  })

  it('with the token in the query or the body', async () => {
    const url = new URL(`?access_token=${app.token}`, app.url)
    expect((await fetch(url, { method: 'POST' })).status).toBe(401)
    const body = new URLSearchParams({ access_token: app.token })
    expect((await fetch(app.url, { method: 'POST', body })).status).toBe(401)
  })

  it('without the scope, also when a header or another entry of the batch claims otherwise', async () => {
    const { status, headers, body } = await post(callOf('summarize_numbers'), {}, app.bareToken)
    expect(status).toBe(403)
    expect(headers.get('www-authenticate')).toContain('scope="stats:read"')
    expect(JSON.parse(body)).toMatchObject({ id: 7, error: { code: 403 } })
    const lying = { 'Mcp-Method': 'tools/call', 'Mcp-Name': 'countdown' }
    expect((await post(callOf('summarize_numbers'), lying, app.bareToken)).status).toBe(403)
    const batch = [callOf('countdown'), callOf('summarize_numbers')]
    expect((await post(batch, {}, app.bareToken)).status).toBe(403)
    const counted = await app.metrics()
    expect(counted).toContain('{tool="summarize_numbers",outcome="denied"} 3')
  })

  it.each([
    ['broken JSON', '{"jsonrpc":', 400, -32700],
    ['an empty body', '', 400, -32600],
    ['a body over MAX_BODY', `"${'x'.repeat(20_000)}"`, 413, 413],
  ])('with %s', async (_, text, expected, code) => {
    const { status, body } = await post(text)
    expect(status).toBe(expected)
    expect(JSON.parse(body).error.code).toBe(code)
  })

  it('under a foreign Host, as a rebound name would send', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { Host: 'attacker.example', Authorization: `Bearer ${app.token}` }
      request(app.url, { method: 'POST', headers }, (res) => resolve(res.resume().statusCode))
        .on('error', reject)
        .end()
    })
    expect(status).toBe(403)
  })

  it('under a foreign Host at no cost to the limit of its address', async () => {
    const own = await runningApp({ IP_LIMIT_PER_MINUTE: '3' })
    const under = (host: string) =>
      new Promise((resolve, reject) => {
        request(own.url, { method: 'POST', headers: { Host: host } }, (res) =>
          resolve(res.resume().statusCode),
        )
          .on('error', reject)
          .end()
      })
    for (let i = 0; i < 6; i++) expect(await under('attacker.example')).toBe(403)
    expect(await under(own.url.host)).toBe(401)
    await own.close()
  })

  it('from a web page that is not allowed', async () => {
    const { status, headers } = await post(callOf('countdown'), {
      Origin: 'https://attacker.example',
    })
    expect(status).toBe(403)
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('over the limit, saying when to come back', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
    let last = await post(list)
    for (let i = 0; i < 25 && last.status !== 429; i++) last = await post(list)
    expect(last.status).toBe(429)
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(JSON.parse(last.body)).toMatchObject({ id: 1, error: { code: 429 } })
  })
})
