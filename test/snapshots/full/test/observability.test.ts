import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from './support/clients.js'
import { runningApp } from './support/running-app.js'

const body = (name: string, args: object) =>
  JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args },
  })

describe('the audit', () => {
  let app: Awaited<ReturnType<typeof runningApp>>
  beforeAll(async () => {
    app = await runningApp({ PRINCIPAL_LIMIT_PER_MINUTE: '3', ACCESS_LOG_SHARE: '0' })
  })
  afterAll(() => app.close())

  const post = (token: string) =>
    fetch(app.url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
      },
      body: body('summarize_numbers', { numbers: [1] }),
    }).then((response) => response.status)
  const written = async () =>
    (await app.logs())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('says who called what, and whether they were let', async () => {
    expect(await post(app.token)).toBe(200)
    expect(await post(app.bareToken)).toBe(403)
    expect(await post('nobody-knows-this-token')).toBe(401)
    const statuses = await Promise.all(Array.from({ length: 4 }, () => post(app.token)))
    expect(statuses).toContain(429)

    const lines = (await written()).filter(({ log }) => log === 'audit')
    const call = { method: 'tools/call', tool: 'summarize_numbers' }
    expect(lines[0]).toMatchObject({ ...call, decision: 'allowed', outcome: 'ok' })
    expect(lines[0].principal).toMatch(/.+/)
    expect(lines[0].requestId).toMatch(/.+/)
    expect(lines[1]).toMatchObject({ ...call, decision: 'denied', reason: 'scope' })
    expect(lines[2]).toMatchObject({ decision: 'unauthenticated' })
    expect(lines).toContainEqual(expect.objectContaining({ ...call, decision: 'limited' }))
    expect(await app.logs()).not.toContain('nobody-knows-this-token')
  })

  it('is whole where access lines of successes are left out', async () => {
    const access = (await written()).filter(({ message }) => message === 'request')
    expect(access.filter(({ status }) => status === 200)).toEqual([])
    expect(access.map(({ status }) => status)).toEqual(expect.arrayContaining([401, 403, 429]))
  })
})

describe('a call that fails', () => {
  let app: Awaited<ReturnType<typeof runningApp>>
  beforeAll(async () => {
    app = await runningApp({ ACCESS_LOG_SHARE: '0' })
  })
  afterAll(() => app.close())

  const post = (content: unknown, token: string, more: Record<string, string> = {}) =>
    fetch(app.url, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${token}`,
        'Content-Type': 'application/json',
        Accept: 'application/json, text/event-stream',
        ...more,
      },
      body: JSON.stringify(content),
    }).then((response) => response.text())
  const call = (name: string, args: object) => JSON.parse(body(name, args))
  const lines = async () =>
    (await app.logs())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('has its access line, however few of the others are written', async () => {
    await post(call('summarize_numbers', { numbers: ['one'] }), app.token)
    await post(call('no_such_tool', {}), app.token)
    const access = (await lines()).filter(({ message }) => message === 'request')
    expect(access.map(({ tool, outcome }) => [tool, outcome])).toEqual([
      ['summarize_numbers', 'invalid_input'],
      ['no_such_tool', 'invalid_input'],
    ])
    const audited = (await lines()).filter(({ log }) => log === 'audit')
    expect(audited.at(-1)).toMatchObject({ tool: 'no_such_tool', outcome: 'invalid_input' })
  })

  it('for want of the time that its caller gave is no timeout of the server', async () => {
    await post(call('countdown', { seconds: 2 }), app.token, { 'X-Request-Timeout-Ms': '50' })
    const text = await app.metrics()
    expect(text).toContain('{tool="countdown",outcome="timeout"} 0')
    expect(text).toContain('{tool="countdown",outcome="cancelled"} 1')
  })

  it('as a batch that is refused writes one line into the audit', async () => {
    const batch = Array.from({ length: 50 }, (_, id) => ({ ...call('summarize_numbers', {}), id }))
    await post(batch, app.bareToken)
    const denied = (await lines()).filter(({ decision }) => decision === 'denied')
    expect(denied).toMatchObject([{ tool: 'summarize_numbers', reason: 'scope', calls: 50 }])
  })

  it('for want of a scope says what it was about', async () => {
    const refused = async (method: string, params: object) => {
      await post({ jsonrpc: '2.0', id: 1, method, params }, app.bareToken)
      return (await lines()).filter(({ decision }) => decision === 'denied').at(-1)
    }
    const name = 'describe_sample'
    const argument = { name: 'sample', value: '' }
    const ref = { type: 'ref/prompt', name }
    expect(await refused('prompts/get', { name })).toMatchObject({ target: name })
    expect(await refused('completion/complete', { ref, argument })).toMatchObject({ target: name })
  })
})

describe('the metrics', () => {
  it('tell the eras, the limits and the refusals, and take no name of a caller', async () => {
    const app = await runningApp({ IP_LIMIT_PER_MINUTE: '8' })
    for (const mode of ['auto', 'legacy'] as const) {
      const client = await connect(app.url, app.token, mode)
      await client.close()
    }
    for (let asked = 0; asked < 9; asked++) {
      await fetch(app.url, { method: 'POST', body: body(`invented_${asked}`, {}) })
    }
    const text = await app.metrics()
    for (const series of [
      /mcp_requests_by_era_total\{era="modern"\} [1-9]/,
      /mcp_requests_by_era_total\{era="legacy"\} [1-9]/,
      /mcp_requests_limited_total\{layer="ip"\} [1-9]/,
      /mcp_requests_refused_total\{reason="missing"\} [1-9]/,
    ])
      expect(text).toMatch(series)
    expect(text).not.toContain('invented')
    app.close()
  })
})
