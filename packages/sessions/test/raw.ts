import { expect } from 'vitest'
import { atEnd, info } from './support.js'

type Headers = Record<string, string>

export const initializeBody = (protocolVersion = '2025-11-25', id: unknown = 1) => ({
  jsonrpc: '2.0',
  id,
  method: 'initialize',
  params: { protocolVersion, capabilities: { sampling: {}, roots: {} }, clientInfo: info },
})

export const call = (name: string, args: object = {}, id: unknown = 7, meta?: object) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args, ...(meta && { _meta: meta }) },
})

export function send(url: URL, method: string, headers: Headers, body?: unknown) {
  const abort = new AbortController()
  atEnd(() => abort.abort())
  return fetch(url, {
    method,
    signal: abort.signal,
    headers: {
      ...(method === 'POST' && { 'content-type': 'application/json' }),
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

export const post = (url: URL, body: unknown, headers: Headers = {}) =>
  send(url, 'POST', { 'x-principal': 'alice', ...headers }, body)

/** A session by hand; `headers` are those for everything that follows. */
export async function begin(url: URL, headers: Headers = {}, version = '2025-11-25') {
  const response = await post(url, initializeBody(version), headers)
  expect([response.status, await response.text()]).toMatchObject([
    200,
    expect.stringContaining('serverInfo'),
  ])
  const id = response.headers.get('mcp-session-id') ?? ''
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  const own: Headers = { 'x-principal': 'alice', ...headers, 'mcp-session-id': id }
  const told = await post(url, { jsonrpc: '2.0', method: 'notifications/initialized' }, own)
  expect(told.status).toBe(202)
  return { id, headers: own }
}

export interface Event {
  id?: string
  retry?: number
  data?: Record<string, unknown>
}

/** Reads a stream of events as it comes. */
export function events(response: Response) {
  const got: Event[] = []
  const all = { got, text: '', ended: false, failed: false }
  const reading = (async () => {
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    for (;;) {
      const { value, done } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) break
      all.text += value
      text += value
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) if (!block.startsWith(':')) got.push(parse(block))
    }
    all.ended = true
  })().catch(() => {
    all.failed = true
  })
  return {
    ...all,
    reading,
    messages: () => got.filter(({ data }) => data).map(({ data }) => data),
    state: all,
  }
}

function parse(block: string): Event {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
  const [id, retry, data] = [field('id'), field('retry'), field('data')]
  return {
    ...(id !== undefined && { id }),
    ...(retry !== undefined && { retry: Number(retry) }),
    ...(data && { data: JSON.parse(data) }),
  }
}
