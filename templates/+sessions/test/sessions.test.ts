import { afterAll, expect, it } from 'vitest'
import { readConfig } from '../src/config.js'
import { required } from './support/credentials.js'
import { runningApp } from './support/running-app.js'
import { openSession, request } from './support/session.js'

const app = await runningApp({ MAX_SESSIONS: '4', MAX_SESSIONS_PER_PRINCIPAL: '2' })
afterAll(() => app.close())

it('gives a client of 2025-11-25 a session, and ends it on its word', async () => {
  const session = await openSession(app.url, app.token)
  expect(session.id).toMatch(/^[\x21-\x7e]{20,}$/)
  expect((await session.send('tools/list')).status).toBe(200)
  expect((await session.end()).status).toBe(204)
  expect((await session.send('tools/list')).status).toBe(404)
})

const hasTwo = app.access.principal !== app.access.barePrincipal
it.skipIf(!hasTwo)("knows nobody else's session", async () => {
  const session = await openSession(app.url, app.token)
  const theirs = await request(app.url, app.bareToken, 'tools/list', { session: session.id })
  const invented = await request(app.url, app.bareToken, 'tools/list', { session: 'x'.repeat(36) })
  expect([theirs.status, invented.status]).toEqual([404, 404])
  expect(await theirs.text()).toBe(await invented.text())
  await session.end()
})

it('serves whoever has no session as before', async () => {
  expect((await request(app.url, app.token, 'tools/list')).status).toBe(200)
})

it('gives one principal no more than its share, and says so', async () => {
  const sessions = [await openSession(app.url, app.token), await openSession(app.url, app.token)]
  const third = await request(app.url, app.token, 'initialize')
  expect(third.status).toBe(429)
  expect(third.headers.get('retry-after')).toBe('30')
  expect(await app.metrics()).toContain('mcp_requests_limited_total{layer="sessions"} 1')
  expect(await app.metrics()).toContain('mcp_sessions_open 2')
  for (const session of sessions) await session.end()
  expect(await app.metrics()).toContain('mcp_sessions_open 0')
  expect(await app.logs()).not.toContain(sessions[0]?.id)
})

it.each([
  [{ WORKERS: '2' }, 'WORKERS'],
  [{ MAX_SESSIONS: '10', MAX_SESSIONS_PER_PRINCIPAL: '6' }, 'MAX_SESSIONS_PER_PRINCIPAL'],
])('does not start with %j', (settings, name) => {
  expect(() => readConfig({ ...required, ...settings })).toThrow(name)
})
