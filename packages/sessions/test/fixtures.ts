import type { AuthInfo } from '@modelcontextprotocol/client'
import { McpServer, type McpServerFactory } from '@modelcontextprotocol/server'
import * as z from 'zod'

export const info = { name: 'test', version: '1.0.0' }

export function authOf(principal: string, rest: Partial<AuthInfo> = {}): AuthInfo {
  return { token: '[redacted]', clientId: 'app', scopes: [], extra: { principal }, ...rest }
}

/** What tools of these tests tell of what runs. */
export const seen = { running: 0, cancelled: 0 }

/** A server of the SDK with tools that ask, report, wait and tell who calls. */
export const createTestServer: McpServerFactory = () => {
  const server = new McpServer(info, {
    capabilities: { tools: { listChanged: true }, logging: {} },
  })
  const text = (value: string) => ({ content: [{ type: 'text' as const, text: value }] })
  server.registerTool('whoami', { inputSchema: z.object({}) }, (_input, { http }) =>
    text(`${http?.authInfo?.extra?.principal} ${http?.authInfo?.scopes.join()}`),
  )
  server.registerTool('sample', { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
    const answer = await mcpReq.requestSampling(
      { messages: [{ role: 'user', content: { type: 'text', text: 'why?' } }], maxTokens: 10 },
      { timeout: 1_000_000 },
    )
    return text(`the model said ${JSON.stringify(answer.content)}`)
  })
  server.registerTool('elicit', { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
    const answer = await mcpReq.elicitInput({
      message: 'Who?',
      requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
    })
    return text(`${answer.action} ${JSON.stringify(answer.content)}`)
  })
  server.registerTool('ask_aside', { inputSchema: z.object({}) }, async () => {
    const { roots } = await server.server.listRoots(undefined, { timeout: 20_000 })
    return text(roots.map(({ uri }) => uri).join())
  })
  server.registerTool('progress', { inputSchema: z.object({}) }, async (_input, { mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken
    for (let progress = 1; progress <= 3 && progressToken !== undefined; progress++)
      await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress } })
    return text('done')
  })
  server.registerTool('size', { inputSchema: z.object({ bytes: z.int() }) }, ({ bytes }) =>
    text('x'.repeat(bytes)),
  )
  server.registerTool('wait', { inputSchema: z.object({ ms: z.int() }) }, ({ ms }, { mcpReq }) => {
    seen.running++
    return new Promise((resolve) => {
      const timer = setTimeout(() => end('waited'), ms)
      const end = (how: string) => {
        clearTimeout(timer)
        seen.running--
        if (how !== 'waited') seen.cancelled++
        resolve(text(how))
      }
      mcpReq.signal.addEventListener('abort', () => end('cancelled'), { once: true })
    })
  })
  return server
}
