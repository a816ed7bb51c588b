import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import { type AuthInfo, InMemoryServerEventBus } from '@modelcontextprotocol/server'
import type { Request } from 'express'
import { afterEach, vi } from 'vitest'
import * as z from 'zod'
import { defineTool, type ToolHandlerOptions } from '../src/index.js'
import { listenCall } from './listen-call.js'
import { serve } from './support.js'

export { listenCall }

const sockets: Socket[] = []
const aborts: AbortController[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const abort of aborts.splice(0)) abort.abort()
})

export const noop = defineTool({
  name: 'noop',
  description: 'Does nothing',
  input: z.object({}),
  run: () => 'done',
})

/** The endpoint with a bus that can be looked at; who calls is taken from headers. */
export async function serveStreams(
  handler: ToolHandlerOptions = {},
  parse?: Parameters<typeof serve>[3],
) {
  const bus = new InMemoryServerEventBus()
  const onError = vi.fn()
  const setting = { authOf, handler: { bus, onError, ...handler }, ...parse }
  return { ...(await serve([noop], {}, [], setting)), bus, onError }
}

function authOf({ headers }: Request): AuthInfo | undefined {
  const principal = headers['x-principal']
  const clientId = headers['x-client'] ?? (principal && 'app')
  if (typeof clientId !== 'string') return undefined
  const expiresAt = headers['x-expires-at']
  const tenant = headers['x-tenant']
  return {
    token: '[redacted]',
    clientId,
    scopes: [],
    ...(expiresAt !== undefined && { expiresAt: Number(expiresAt) }),
    ...((principal ?? tenant) !== undefined && { extra: { principal, tenant } }),
  }
}

/** Opens a stream by a raw POST and gathers what it says. */
export async function listen(
  url: URL,
  caller: Record<string, string> = { 'x-principal': 'alice' },
  { body, headers } = listenCall(),
) {
  const abort = new AbortController()
  aborts.push(abort)
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
      ...caller,
    },
    body: JSON.stringify(body),
    signal: abort.signal,
  })
  let text = ''
  const ended = (async () => {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk)
    return text
  })()
  ended.catch(() => {})
  const { status, headers: answered } = response
  return { status, headers: answered, ended, said: () => text, hangUp: () => abort.abort() }
}

/** The messages of a stream's text, comments left out. */
export function messagesOf(text: string) {
  return [...text.matchAll(/^data: (.+)$/gm)].map(([, json = '']) => JSON.parse(json))
}

/** Sends listen requests on one connection without waiting for answers; reads nothing until told to. */
export function pipeline(
  url: URL,
  ids: number[],
  caller: Record<string, string> = { 'x-principal': 'alice' },
) {
  const calls = ids.map((id) => listenCall(id))
  return pipelineCalls(
    url,
    calls.map(({ body, headers }) => ({ body, headers: { ...headers, ...caller } })),
  )
}

/** Sends any requests so. */
export async function pipelineCalls(
  url: URL,
  calls: readonly { body: unknown; headers: Record<string, string> }[],
) {
  const socket = connectSocket(Number(url.port), '127.0.0.1').pause()
  sockets.push(socket)
  await once(socket, 'connect')
  for (const { body, headers } of calls) {
    const text = JSON.stringify(body)
    const fields = Object.entries({
      host: url.host,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'content-length': String(Buffer.byteLength(text)),
      ...headers,
    })
    const head = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    socket.write(`POST ${url.pathname} HTTP/1.1\r\n${head}\r\n${text}`)
  }
  return socket
}
