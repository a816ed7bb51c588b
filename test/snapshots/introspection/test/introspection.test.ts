import { expect, it } from 'vitest'
import { runningApp } from './support/running-app.js'

const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' }

async function statusOf(url: URL, token: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(list),
  })
  return { status: response.status, retryAfter: response.headers.get('retry-after') }
}

it('learns of a revocation', async () => {
  const app = await runningApp()
  const token = await app.access.tokenFor('stats:read')
  await app.access.revoke(token)
  expect(await statusOf(app.url, token)).toMatchObject({ status: 401 })
  await app.close()
})

it('asks about a token once in half a minute, and neither accepts nor refuses when it cannot ask', async () => {
  const app = await runningApp()
  expect(await statusOf(app.url, app.token)).toMatchObject({ status: 200 })
  app.access.close()
  expect(await statusOf(app.url, app.token)).toMatchObject({ status: 200 })
  const unknown = await statusOf(app.url, app.bareToken)
  expect(unknown.status).toBe(503)
  expect(Number(unknown.retryAfter)).toBeGreaterThan(0)
  await app.close()
})
