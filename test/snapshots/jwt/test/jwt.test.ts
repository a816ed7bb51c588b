import { expect, it } from 'vitest'
import { connect } from './support/clients.js'
import { runningApp } from './support/running-app.js'

it('goes on with the keys it knows when the authorization server is gone', async () => {
  const app = await runningApp()
  const client = await connect(app.url, app.token)
  await app.access.close()
  expect((await client.listTools()).tools.length).toBeGreaterThan(0)
  await client.close()
  await app.close()
})

it('neither accepts nor refuses tokens before it ever had the keys, and says when to come back', async () => {
  const app = await runningApp()
  await app.access.close()
  const headers = { Authorization: `Bearer ${app.token}` }
  const response = await fetch(app.url, { method: 'POST', headers })
  expect(response.status).toBe(503)
  expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(response.headers.get('www-authenticate')).toBeNull()
  await app.close()
})
