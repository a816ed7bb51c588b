import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as LegacyTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const info = { name: 'test', version: '1.0.0' }
const bearer = (key: string) => ({ requestInit: { headers: { Authorization: `Bearer ${key}` } } })

/** A client of today's SDK; `auto` speaks 2026-07-28, `legacy` the revisions before. */
export async function connect(url: URL, key: string, mode: 'auto' | 'legacy' = 'auto') {
  const client = new Client(info, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(url, bearer(key)))
  return client
}

/** A client of the SDK's first line, which knows nothing of 2026-07-28. */
export async function connectV1(url: URL, key: string) {
  const client = new LegacyClient(info)
  // Its own types disagree about an optional session id.
  await client.connect(
    new LegacyTransport(url, bearer(key)) as Parameters<LegacyClient['connect']>[0],
  )
  return client
}

/** Every kind of client that a production server meets. */
export const clients = [
  ['the SDK client, 2026-07-28', (url: URL, key: string) => connect(url, key, 'auto')],
  ['the SDK client, legacy', (url: URL, key: string) => connect(url, key, 'legacy')],
  ['the first SDK', connectV1],
] as const
