import express, { type Request } from 'express'
import { describe, expect, it } from 'vitest'
import { callsOf, eraOf, jsonBody, repeatsId, rpcIdOf } from '../src/index.js'
import { type Answer, echoApp, listen, post } from './support.js'

const VERSION = 'io.modelcontextprotocol/protocolVersion'
const modern = { _meta: { [VERSION]: '2026-07-28' } }

async function read(body: unknown, headers: Record<string, string> = {}) {
  const { url } = await listen(echoApp())
  return (await post(url, JSON.stringify(body), headers)).body
}

describe('callsOf', () => {
  it('takes tool, prompt and resource from the body', async () => {
    const { calls } = await read([
      {
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: { name: 'lookup', uri: 'no', arguments: {} },
      },
      { jsonrpc: '2.0', id: 'p', method: 'prompts/get', params: { name: 'greet' } },
      { jsonrpc: '2.0', id: 2, method: 'resources/read', params: { uri: 'file:///a', name: 'no' } },
      { jsonrpc: '2.0', method: 'notifications/initialized' },
      { jsonrpc: '2.0', id: 9, result: {} },
      { jsonrpc: '2.0', id: 9, error: { code: 1, message: '' } },
    ])
    expect(calls.map(({ params: _, ...call }) => call)).toEqual([
      { kind: 'request', id: 1, method: 'tools/call', name: 'lookup' },
      { kind: 'request', id: 'p', method: 'prompts/get', name: 'greet' },
      { kind: 'request', id: 2, method: 'resources/read', name: 'file:///a' },
      { kind: 'notification', id: null, method: 'notifications/initialized' },
      { kind: 'response', id: 9, method: '' },
      { kind: 'response', id: 9, method: '' },
    ])
  })

  it('keeps an entry for all garbage in a batch, so that none is left uncounted', async () => {
    const garbage = [
      null,
      1,
      'tools/call',
      true,
      [],
      [{ method: 'tools/call' }],
      {},
      { method: ['tools/call'] },
    ]
    const { calls } = await read([...garbage, { id: 1, method: 'tools/call', params: ['lookup'] }])
    expect(calls).toHaveLength(9)
    expect(calls.slice(0, 8).every(({ kind, method }) => kind === 'invalid' && method === '')).toBe(
      true,
    )
    expect(calls[8]).toEqual({ kind: 'request', id: 1, method: 'tools/call' })
  })

  it('never takes a call for a response because it also carries a result', async () => {
    const { calls } = await read({
      id: 1,
      method: 'tools/call',
      params: { name: 'x' },
      result: {},
      error: {},
    })
    expect(calls).toMatchObject([{ kind: 'request', method: 'tools/call', name: 'x' }])
  })

  it('takes the last of two equal keys, as the handler behind it does', async () => {
    const { url } = await listen(echoApp())
    const { body } = await post(
      url,
      '{"id":1,"method":"ping","method":"tools/call","params":{"name":"a","name":"b"}}',
    )
    expect(body.calls).toMatchObject([{ method: 'tools/call', name: 'b' }])
    expect(body.body).toMatchObject({ method: 'tools/call', params: { name: 'b' } })
  })

  it('believes the body, not Mcp-Method and Mcp-Name', async () => {
    const { calls } = await read(
      { id: 1, method: 'tools/call', params: { name: 'expensive' } },
      { 'Mcp-Method': 'ping', 'Mcp-Name': 'cheap', 'MCP-Protocol-Version': '2025-11-25' },
    )
    expect(calls).toMatchObject([{ method: 'tools/call', name: 'expensive' }])
  })

  it.each([
    [{ name: ['lookup'] }],
    [{ name: { toString: 'lookup' } }],
    [{ name: 1 }],
    [{ name: null }],
    [[]],
    ['lookup'],
  ])('gives no name for params %j', async (params) => {
    const { calls } = await read({ id: 1, method: 'tools/call', params })
    expect(calls[0]?.name).toBeUndefined()
  })

  it('finds nothing inherited', async () => {
    const { calls } = await read({ id: 1, method: 'toString', params: {} })
    expect(calls).toEqual([{ kind: 'request', id: 1, method: 'toString', params: {} }])
    const { url } = await listen(echoApp())
    const { body } = await post(url, '{"__proto__":{"method":"tools/call","id":1,"result":1}}')
    expect(body.calls[0]).toMatchObject({ kind: 'invalid', id: null, method: '' })
  })

  // Were they passed over, a call that authorisation does not see would run.
  it('sees the members that a copy of an uncleaned body has inherited, since what runs it does', async () => {
    const app = express()
    app.use(express.json(), (req, res) => {
      req.body = Object.assign({}, req.body)
      res.json({ runs: req.body.method, seen: callsOf(req)[0]?.method })
    })
    const { url } = await listen(app)
    const { body } = await post(url, '{"__proto__":{"method":"tools/call","id":1}}')
    expect(body).toEqual({ runs: 'tools/call', seen: 'tools/call' })
  })

  it('describes the body that is there: one put in later is read again, the same one only once', async () => {
    const app = express()
    app.use(jsonBody(), (req, res) => {
      const before = callsOf(req)
      const same = callsOf(req) === before
      req.body = { id: 2, method: 'tools/call', params: { name: 'other' } }
      res.json({ same, before, after: callsOf(req), id: rpcIdOf(req) })
    })
    const { url } = await listen(app)
    expect((await post(url, '{"id":1,"method":"ping"}')).body).toMatchObject({
      same: true,
      before: [{ id: 1, method: 'ping' }],
      after: [{ id: 2, name: 'other' }],
      id: 2,
    })
  })

  it.each([undefined, null])('is empty while the body is %s', (body) => {
    const req = { body, headers: {} } as Request
    expect([callsOf(req), rpcIdOf(req), eraOf(req)]).toEqual([[], null, 'legacy'])
  })

  it('calls a text left by another parser invalid', () => {
    const req = { body: '{"id":1,"method":"ping"}', headers: {} } as Request
    expect(callsOf(req)).toMatchObject([{ kind: 'invalid', id: null }])
  })
})

describe('rpcIdOf', () => {
  it.each([
    ['a string', '"a"', 'a'],
    ['the empty string', '""', ''],
    ['zero', '0', 0],
    ['a fraction', '1.5', 1.5],
    ['a negative number', '-3', -3],
    ['null', 'null', null],
    ['true', 'true', null],
    ['an object', '{"a":1}', null],
    ['a list', '[1]', null],
    ['a number out of range', '1e999', null],
  ])('answers %s', async (_, id, expected) => {
    const { url } = await listen(echoApp())
    const { body } = await post(url, `{"jsonrpc":"2.0","method":"ping","id":${id}}`)
    expect(body.id).toBe(expected)
    expect(body.calls[0]?.kind).toBe('request')
  })

  it('survives a lone surrogate', async () => {
    const { url } = await listen(echoApp())
    expect((await post(url, '{"method":"ping","id":"\\ud800"}')).body.id).toBe('\ud800')
  })

  it.each([
    ['a batch', [{ id: 1, method: 'ping' }]],
    ['a notification', { method: 'notifications/initialized' }],
    ['a response, whose id is one of ours', { id: 1, result: {} }],
    ['an invalid message', { id: 1 }],
  ])('is null for %s', async (_, body) => {
    expect((await read(body)).id).toBeNull()
  })
})

describe('repeatsId', () => {
  const ask = (id: unknown) => ({ id, method: 'tools/list' })

  it.each([
    [true, [ask(1), ask('1'), ask(1)]],
    [true, [ask('a'), 7, ask('a')]],
    [true, [ask(0), ask(-0)]],
    [false, [ask(1), ask('1'), { method: 'note' }, { method: 'note' }]],
    [false, [ask(1), { id: 1, result: {} }, { id: 1, result: {} }]],
    [false, [ask(null), ask({}), ask({})]],
    [false, ask(1)],
    [false, undefined],
  ])('is %s for %j', (repeated, body) => {
    expect(repeatsId({ body } as Request)).toBe(repeated)
  })
})

describe('eraOf', () => {
  const call = (params?: object) => ({ id: 1, method: 'tools/call', params })

  it.each([
    ['modern', call(modern), {}],
    ['modern', call({ _meta: { [VERSION]: '2027-01-01' } }), {}],
    ['modern', call(modern), { 'MCP-Protocol-Version': '2025-11-25' }],
    ['modern', call(), { 'MCP-Protocol-Version': '2026-07-28' }],
    ['legacy', call(), {}],
    ['legacy', call(), { 'MCP-Protocol-Version': '2025-11-25' }],
    [
      'legacy',
      call({ _meta: { [VERSION]: '2025-11-25' } }),
      { 'MCP-Protocol-Version': '2026-07-28' },
    ],
    ['legacy', call({ _meta: { [VERSION]: 20260728 } }), {}],
    ['legacy', call({ _meta: [VERSION] }), {}],
    ['legacy', call({ _meta: null }), {}],
    ['legacy', [call(modern)], { 'MCP-Protocol-Version': '2026-07-28' }],
  ])('is %s for %j with %j', async (era, body, headers) => {
    expect((await read(body, headers as Record<string, string>)).era).toBe(era)
  })

  it('takes a bodiless GET by its header', async () => {
    const { url } = await listen(echoApp())
    const get = async (version: string) =>
      (
        (await (
          await fetch(url, { headers: { 'MCP-Protocol-Version': version } })
        ).json()) as Answer
      ).era
    expect([await get('2026-07-28'), await get('2025-06-18')]).toEqual(['modern', 'legacy'])
  })
})
