import { describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { defineTool } from '../src/index.js'
import { listen, serveStreams } from './listening.js'
import { legacy, legacyCall, modern, modernCall, post, serve } from './support.js'

const whoami = defineTool({
  name: 'whoami',
  description: 'Says who calls',
  input: z.object({}),
  run: (_input, { principal }) => `you are ${principal?.id}`,
})
const ids = ['0b3c9d3e-6c1f-4a53-9d6e-2f6a1f0c7a11', 'x', 'é', `${'9'.repeat(4000)}`]
const initialize = legacy('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'c', version: '1' },
})

/** The endpoint for callers who say in a header who they are. */
function serveCallers() {
  return serve([whoami], {}, [], {
    authOf: ({ headers }) => ({
      token: '[redacted]',
      clientId: 'app',
      scopes: [],
      extra: { principal: headers['x-principal'] },
    }),
  })
}

describe.each([
  ['modern', modernCall('whoami', {}), modern('tools/list', {})],
  ['legacy', legacyCall('whoami', {}), legacy('tools/list', {})],
] as const)('a session id of the client’s choice, %s era', (_, call, list) => {
  it('changes no answer, is not taken up and not echoed', async () => {
    const { url } = await serveCallers()
    for (const { body, headers } of [call, list]) {
      const plain = await post(url, body, headers)
      expect(plain.status).toBe(200)
      for (const id of ids) {
        const sent = { ...headers, 'mcp-session-id': Buffer.from(id).toString('latin1') }
        expect(await post(url, body, sent)).toEqual(plain)
        const response = await fetch(url, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            accept: 'application/json, text/event-stream',
            ...sent,
          },
          body: JSON.stringify(body),
        })
        expect(response.headers.has('mcp-session-id')).toBe(false)
        await response.text()
      }
    }
  })

  it('shared with a victim gives neither the other’s identity', async () => {
    const { url } = await serveCallers()
    const session = { ...call.headers, 'mcp-session-id': 'shared' }
    // The attacker fixes the id first, the victim comes with it.
    await post(url, initialize.body, { 'mcp-session-id': 'shared', 'x-principal': 'mallory' })
    const calls = ['alice', 'mallory', 'alice'].map((name) =>
      post(url, call.body, { ...session, 'x-principal': name }),
    )
    const said = (await Promise.all(calls)).map(({ text }) => /you are \w+/.exec(text)?.[0])
    expect(said).toEqual(['you are alice', 'you are mallory', 'you are alice'])
  })
})

it('is given by nobody: initialize answers without one, whether one was sent or not', async () => {
  const { url } = await serveCallers()
  const sent: Record<string, string>[] = [{}, { 'mcp-session-id': 'mine' }]
  for (const headers of sent) {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: JSON.stringify(initialize.body),
    })
    expect(response.status).toBe(200)
    expect(response.headers.has('mcp-session-id')).toBe(false)
    expect(await response.text()).toContain('serverInfo')
  }
})

it.each(['GET', 'DELETE'])('opens and ends nothing by %s', async (method) => {
  const { url, mcp } = await serveStreams()
  const stream = await listen(url, { 'x-principal': 'alice', 'mcp-session-id': 'shared' })
  const headers = { accept: 'text/event-stream', 'mcp-session-id': 'shared' }
  for (const version of ['2026-07-28', '2025-11-25']) {
    const answer = await fetch(url, {
      method,
      headers: { ...headers, 'mcp-protocol-version': version },
    })
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST'])
    expect(answer.headers.has('mcp-session-id')).toBe(false)
  }
  mcp.notify.toolsChanged()
  await vi.waitFor(() => expect(stream.said()).toContain('list_changed'))
  expect(stream.said()).not.toContain('complete')
})

it('cancels no call of another, though session and request id are the same', async () => {
  let release = (_text: string) => {}
  const slow = defineTool({
    name: 'slow',
    description: 'Waits',
    input: z.object({}),
    run: (_input, { signal }) =>
      new Promise<string>((resolve) => {
        release = resolve
        signal.addEventListener('abort', () => resolve('stopped'))
      }),
  })
  const { url } = await serve([slow])
  const session = { 'mcp-session-id': 'shared' }
  const eras = [
    [modernCall('slow', {}), modern('notifications/cancelled', { requestId: 1 })],
    [legacyCall('slow', {}), legacy('notifications/cancelled', { requestId: 1 })],
  ] as const
  for (const [call, cancel] of eras) {
    const before = release
    const answer = post(url, call.body, { ...call.headers, ...session })
    await vi.waitFor(() => expect(release).not.toBe(before))
    const { id: _id, ...notification } = cancel.body
    const taken = await post(url, notification, { ...cancel.headers, ...session })
    expect(taken.status).toBe(202)
    release('went on')
    expect((await answer).text).toContain('went on')
  }
})
