import { Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { name } from '../src/identity.js'
import { redisServer } from './support/redis-server.js'
import { runningApp } from './support/running-app.js'

// A server of its own: in another one the quotas may be used already.
const redis = await redisServer()
afterAll(() => redis?.close())

type App = Awaited<ReturnType<typeof runningApp>>

const post = ({ url }: App, token: string) =>
  fetch(url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  }).then(({ status }) => status)

describe.skipIf(!redis)('two replicas', () => {
  it('count together, and each for itself while there is no Redis', async () => {
    const REDIS_URL = redis?.url
    const PRINCIPAL_LIMIT_PER_MINUTE = '40'
    const one = await runningApp({ REDIS_URL, PRINCIPAL_LIMIT_PER_MINUTE })
    const other = await runningApp({ REDIS_URL, PRINCIPAL_LIMIT_PER_MINUTE })
    const alone = await runningApp({ PRINCIPAL_LIMIT_PER_MINUTE, LIMITS_WITHOUT_REDIS: '0.5' })
    const closed = await runningApp({ LIMITS_WITHOUT_REDIS: '0' })
    const allowedBy = async (app: App) => {
      let allowed = 0
      while (allowed < 100 && (await post(app, app.token)) === 200) allowed++
      return allowed
    }
    const first = await allowedBy(one)
    expect(first).toBeGreaterThan(30)
    // What has come back meanwhile, and nothing of its own.
    expect(await allowedBy(other)).toBeLessThan(5)
    const client = new Redis(REDIS_URL ?? '')
    const keys = await client.keys('mcp:*')
    client.disconnect()
    expect(keys).toContain(`mcp:${name}:events`)
    // Those of another server in the same Redis are not these.
    expect(keys.filter((key) => !key.startsWith(`mcp:${name}:`))).toEqual([])
    const local = await allowedBy(alone)
    expect(local).toBeGreaterThan(15)
    expect(local).toBeLessThan(30)
    expect(await post(closed, closed.token)).toBe(503)
    for (const app of [one, other, alone, closed]) await app.close()
  })
})
