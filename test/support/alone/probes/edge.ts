import { connect } from 'node:net'
import { expect } from 'vitest'
import { ask, askUntilThere, rpc } from '../ask.js'
import type { Probe } from './probe.js'

const at = 'http://127.0.0.1:8080'

export const rpcProbe: Probe = async ({ start }) => {
  await start()
  const forbidden = await rpc('tools/call', { name: 'delete_all' })
  expect(forbidden.status).toBe(403)
  const message = 'Forbidden: delete_all is switched off'
  expect(forbidden.json()).toEqual({ jsonrpc: '2.0', id: 7, error: { code: 403, message } })
  const { era, calls } = (await rpc('tools/call', { name: 'lookup' })).json()
  expect({ era, calls }).toMatchObject({
    era: 'legacy',
    calls: [{ kind: 'request', id: 7, method: 'tools/call', name: 'lookup' }],
  })
  const headers = { 'content-type': 'application/json' }
  const broken = await ask(`${at}/mcp`, { method: 'POST', headers, body: '{' })
  expect([broken.status, broken.json().error.code]).toEqual([400, -32700])
  const large = { method: 'POST', headers, body: JSON.stringify('x'.repeat(1024 * 1024)) }
  expect((await ask(`${at}/mcp`, large)).status).toBe(413)
}

export const securityProbe: Probe = async ({ start }) => {
  await start({ TRUST_PROXY: '1' })
  const answer = await rpc('ping')
  expect(answer.json()).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff')
  expect(answer.headers.get('x-powered-by')).toBeNull()
  expect(await statusLine('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n')).toContain(' 403 ')
  expect(await statusLine('nonsense\r\n\r\n')).toContain(' 400 ')
  expect((await rpc('ping', {}, { origin: 'https://evil.example' })).status).toBe(403)
  const origin = 'https://app.example.com'
  const preflight = await ask(`${at}/mcp`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-method': 'POST' },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin)
}

/** `fetch` sends no Host of ours and nothing that is no HTTP. */
function statusLine(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(8080, '127.0.0.1', () => socket.write(text))
    socket.once('data', (chunk) => {
      socket.destroy()
      resolve(chunk.toString().split('\r\n')[0] ?? '')
    })
    socket.once('error', reject)
  })
}

export const ratelimitProbe: Probe = async ({ start }) => {
  await start()
  const search = () => rpc('tools/call', { name: 'search' })
  const first = await search()
  expect(first.json()).toEqual({ jsonrpc: '2.0', id: 7, result: {} })
  expect(first.headers.get('ratelimit-policy')).toBe(
    '"ip";q=600;w=60, "principal";q=300;w=60, "tool:search";q=20;w=60',
  )
  for (let calls = 1; calls < 20; calls++) expect((await search()).status).toBe(200)
  const refused = await search()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(refused.json()).toMatchObject({
    id: 7,
    error: { code: 429, data: { policy: 'tool', tool: 'search', limit: 20, retryable: true } },
  })
  // Twenty searches weighed ten each; the plan has three hundred.
  expect(refused.headers.get('ratelimit')).toMatch(/"principal";r=1\d\d;/)
  expect((await rpc('tools/call', { name: 'lookup' })).status).toBe(200)
}

export const recoveryProbe: Probe = async ({ start }) => {
  const program = await start()
  const broken = await askUntilThere(`${at}/broken`)
  expect(broken.status).toBe(500)
  const { correlationId, ...rest } = broken.json()
  expect(rest).toEqual({ error: 'internal_error', message: 'Internal Server Error' })
  const log = await program.says('password=hunter2')
  expect(log).toContain(correlationId)
  const unknown = await ask(`${at}/unknown`)
  expect(unknown.status).toBe(404)
  expect(unknown.headers.get('content-type')).toContain('application/json')
}
