import {
  Client as NewClient,
  StreamableHTTPClientTransport as NewTransport,
} from '@modelcontextprotocol/client'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Running } from './server-process.js'

const info = { name: 'compare', version: '1.0.0' }
const bearer = (token: string) => ({
  requestInit: { headers: { Authorization: `Bearer ${token}` } },
})

export interface Connected {
  /** What the client gets from a tool: its text, or the error it was told. */
  call(name: string, text?: string, timeoutMs?: number): Promise<string>
  sessionId: string | undefined
  close(): Promise<void>
}

/** The official client that speaks the revisions up to 2025-11-25, which every contestant serves. */
export async function connect({ url, token }: Running): Promise<Connected> {
  const client = new Client(info)
  const transport = new StreamableHTTPClientTransport(url, bearer(token))
  // Its own types disagree about an optional session id.
  await client.connect(transport as Parameters<Client['connect']>[0])
  return {
    sessionId: transport.sessionId,
    close: () => client.close(),
    async call(name, text = 'hello', timeout = 15_000) {
      const result = await client.callTool({ name, arguments: { text } }, undefined, { timeout })
      const [content] = result.content as { text?: string }[]
      return content?.text ?? JSON.stringify(result)
    },
  }
}

/** The newest revision that the official client of 2026 agrees upon with a server. */
export async function negotiated({ url, token }: Running): Promise<string> {
  const client = new NewClient(info, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new NewTransport(url, bearer(token)))
  const version = client.getNegotiatedProtocolVersion() ?? 'unknown'
  await client.close()
  return version
}
