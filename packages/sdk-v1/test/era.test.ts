import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { listenCall, modern } from '../../tools/test/listen-call.js'
import { legacy, legacyCall, modernCall, post, serve } from '../../tools/test/support.js'
import { defineTool } from '../src/index.js'

const run = vi.fn(() => 'ran')
const tool = defineTool({ name: 'tool', description: 'Runs', input: z.object({}), run })
const supported = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05', '2024-10-07']
const KEY = 'io.modelcontextprotocol/protocolVersion'
const { 'mcp-protocol-version': _version, ...unversioned } = modernCall('tool', {}).headers
const broken = {
  ...legacyCall('tool', {}).body,
  params: { name: 'tool', _meta: { [KEY]: '2026-07-28' } },
}
const notification = { jsonrpc: '2.0', method: 'notifications/initialized' }

describe('2026-07-28 is refused by name, and nothing runs', () => {
  it.each([
    ['a call', modernCall('tool', {})],
    ['a list', modern('tools/list', {})],
    ['the question what is spoken', modern('server/discover', {})],
    ['a stream of changes', listenCall()],
    ['an initialize', modern('initialize', {})],
    [
      'a header alone',
      { ...legacyCall('tool', {}), headers: { 'mcp-protocol-version': '2026-07-28' } },
    ],
    ['an envelope alone', { body: modernCall('tool', {}).body, headers: unversioned }],
    ['a part of an envelope', { body: broken, headers: {} }],
    ['headers that lie', modernCall('tool', {}, { 'mcp-name': 'other', 'mcp-method': 'ping' })],
    ['a notification', { body: notification, headers: { 'mcp-protocol-version': '2026-07-28' } }],
  ] as [string, { body: { id?: number }; headers: Record<string, string> }][])(
    '%s',
    async (_, { body, headers }) => {
      run.mockClear()
      const { url } = await serve([tool])
      const { status, text } = await post(url, body, headers)
      expect(status).toBe(400)
      expect(JSON.parse(text)).toMatchObject({
        jsonrpc: '2.0',
        id: body.id ?? null,
        error: { code: -32022, data: { supported, requested: '2026-07-28' } },
      })
      expect(run).not.toHaveBeenCalled()
    },
  )

  it('says no more of an invented version than its beginning', async () => {
    const { url } = await serve([tool])
    const headers = { 'mcp-protocol-version': `2999-${'9'.repeat(9000)}` }
    const { status, text } = await post(url, legacyCall('tool', {}).body, headers)
    expect([status, text.includes('-32022')]).toEqual([400, true])
    expect(text.length).toBeLessThan(500)
  })
})

it('refuses an old version that nobody speaks, and takes every one that is spoken', async () => {
  const { url } = await serve([tool])
  const { body } = legacyCall('tool', {})
  const statusOf = async (version: string) =>
    (await post(url, body, { 'mcp-protocol-version': version })).status
  expect(await statusOf('2020-01-01')).toBe(400)
  for (const version of supported) expect(await statusOf(version)).toBe(200)
})

it('agrees on its own newest version with a client that asks for a newer one', async () => {
  const { url } = await serve([tool])
  const clientInfo = { name: 'c', version: '1' }
  const params = { protocolVersion: '2026-07-28', capabilities: {}, clientInfo }
  const { text } = await post(url, legacy('initialize', params).body)
  expect(text).toContain('"protocolVersion":"2025-11-25"')
})

describe('a batch', () => {
  const { body } = legacyCall('tool', {})

  it('is answered entry by entry, up to a hundred', async () => {
    run.mockClear()
    const { url } = await serve([tool])
    const many = (count: number) => Array.from({ length: count }, (_, id) => ({ ...body, id }))
    const { status, text } = await post(url, many(100))
    expect([status, text.match(/"ran"/g)?.length]).toEqual([200, 100])
    expect((await post(url, many(101))).status).toBe(400)
    expect(run).toHaveBeenCalledTimes(100)
  })

  it('that cancels its own calls is answered all the same, and never left open', async () => {
    const { url } = await serve([tool])
    const cancel = (requestId: unknown) => ({
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId },
    })
    const { text } = await post(url, [body, cancel(1), { ...body, id: 0 }, cancel(0)])
    expect(text.match(/"ran"/g)).toHaveLength(2)
    expect((await post(url, [cancel(1)])).status).toBe(202)
  })

  it('that repeats an id runs nothing: its answer would end before its calls do', async () => {
    run.mockClear()
    const { url } = await serve([tool])
    const { status, text } = await post(url, [body, { ...body, id: 'a' }, body])
    expect([status, JSON.parse(text).error.code]).toEqual([400, -32600])
    expect(run).not.toHaveBeenCalled()
  })

  it('with an entry of 2026-07-28, or none at all, runs nothing', async () => {
    run.mockClear()
    const { url } = await serve([tool])
    for (const batch of [[body, modernCall('tool', {}).body], [], [body, 7]]) {
      const { status, text } = await post(url, batch)
      expect([status, JSON.parse(text).error.code]).toEqual([400, -32600])
    }
    expect(run).not.toHaveBeenCalled()
  })
})

it.each(['GET', 'DELETE', 'PUT'])('opens nothing by %s', async (method) => {
  const { url } = await serve([tool])
  const answer = await fetch(url, { method, headers: { accept: 'text/event-stream' } })
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
})
