import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { apiKeys, authenticate, generateApiKey } from '@mcp-prod/auth'
import { jsonBody } from '@mcp-prod/rpc'
import { memoryEventStore, sessionHandler } from '@mcp-prod/sessions'
import express from 'express'
import { afterEach, vi } from 'vitest'
import {
  createToolServer,
  type Tool,
  type ToolCallEvent,
  type ToolServerOptions,
  toolHandler,
} from '../../src/index.js'

export const info = { name: 'test', version: '1.0.0' }

const closers: (() => unknown)[] = []
export const atEnd = (close: () => unknown) => closers.push(close)
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** The tools as a generated server serves them: behind keys, with sessions for who asks for them. */
export async function serveApp(
  tools: readonly Tool[],
  options: Partial<ToolServerOptions> = {},
  { withSessions = true } = {},
) {
  const [alice, mallory] = [generateApiKey('alice'), generateApiKey('mallory')]
  const keys = [alice, mallory].map(({ id, hash }) => ({ id, hash, principal: id, scopes: ['a'] }))
  const calls: ToolCallEvent[] = []
  const logger = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const onCall = (event: ToolCallEvent) => calls.push(event)
  const server = createToolServer(tools, { ...info, logger, onCall, ...options })
  const onError = vi.fn()
  const mcp = toolHandler(server, { onError })
  const sessions = sessionHandler(server, { eventStore: memoryEventStore(), onError })
  const app = express()
  app.use('/mcp', authenticate(apiKeys(keys)), jsonBody())
  if (withSessions) app.use('/mcp', sessions.middleware)
  app.use('/mcp', mcp.middleware)
  const listener = app.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  atEnd(async () => {
    await mcp.close()
    await sessions.close()
    listener.closeAllConnections()
    listener.close()
  })
  const url = new URL(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/mcp`)
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
  const headers = { alice: bearer(alice.key), mallory: bearer(mallory.key) }
  return { url, headers, calls, logger, onError, mcp, sessions, server }
}
