import { afterEach, describe, expect, it } from 'vitest'
import { runningApp } from './support/running-app.js'

type App = Awaited<ReturnType<typeof runningApp>>
const apps: App[] = []
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close()
})
async function limited(env: NodeJS.ProcessEnv): Promise<App> {
  const app = await runningApp(env)
  apps.push(app)
  return app
}

const callOf = (name: string, args: object) => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name, arguments: args },
})
const numbers = callOf('summarize_numbers', { numbers: [1] })
const batchOf = (count: number) => Array.from({ length: count }, (_, id) => ({ ...numbers, id }))

async function post({ url, token }: App, body: unknown) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${token}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(body),
  })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

describe('a refusal', () => {
  it('tells an agent which limit it met, and when to come again', async () => {
    const app = await limited({ PRINCIPAL_LIMIT_PER_MINUTE: '2' })
    await post(app, numbers)
    await post(app, numbers)
    const { status, headers, text } = await post(app, numbers)
    expect(status).toBe(429)
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect(headers.get('ratelimit')).toMatch(/^"ip";r=\d+;t=\d+, "principal";r=0;t=\d+$/)
    const { id, error } = JSON.parse(text)
    expect(id).toBe(7)
    expect(error.data).toMatchObject({ policy: 'principal', limit: 2, retryable: true })
  })

  it('is of a whole batch, before any of it has run, and counts nothing', async () => {
    const app = await limited({ PRINCIPAL_LIMIT_PER_MINUTE: '3' })
    const { status, text } = await post(app, batchOf(4))
    expect(status).toBe(413)
    expect(JSON.parse(text).error.data).toMatchObject({ asked: 4, retryable: false })
    expect(await app.metrics()).not.toMatch(/mcp_tool_calls_total\{.*outcome="ok"\} [^0]/)
    expect((await post(app, batchOf(3))).status).toBe(200)
  })

  it('is of what one caller runs at once, whose own calls go on', async () => {
    const app = await limited({ MAX_CONCURRENT_CALLS: '2' })
    const slow = () => post(app, callOf('countdown', { seconds: 2 }))
    const answers = await Promise.all([slow(), slow(), slow()])
    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, 429, 429])
    const refused = answers.find(({ status }) => status === 429)
    expect(JSON.parse(refused?.text ?? '{}').error.data).toMatchObject({
      policy: 'concurrency',
      scope: 'principal',
      limit: 1,
    })
    expect(await app.metrics()).toContain('mcp_requests_limited_total{layer="concurrency"} 2')
  })
})
