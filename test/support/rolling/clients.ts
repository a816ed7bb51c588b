import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type Call, type OpenClient, type Target, TIMEOUT_MS } from './calls.js'
import { openRaw } from './raw-client.js'

const info = { name: 'rolling', version: '1.0.0' }

const optionsOf = ({ key, fetch }: Target) => ({
  fetch,
  requestInit: { headers: { Authorization: `Bearer ${key}` } },
})
const requestOptions = ({ streamed }: Call) => ({
  timeout: TIMEOUT_MS,
  ...(streamed && { onprogress() {} }),
})

/** The SDK's client, 2026-07-28 and nothing else. */
export async function connectModern(target: Target): Promise<Client> {
  const client = new Client(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new StreamableHTTPClientTransport(target.url, optionsOf(target)))
  return client
}

async function openModern(target: Target): Promise<OpenClient> {
  const client = await connectModern(target)
  return {
    call: async (call) =>
      (await client.callTool(paramsOf(call), requestOptions(call))).structuredContent,
    close: () => client.close(),
  }
}

/** The first SDK's client, which initializes a revision of 2025. */
async function openV1(target: Target): Promise<OpenClient> {
  const client = new ClientV1(info)
  // Its own types disagree about an optional session id.
  const transport = new TransportV1(target.url, optionsOf(target)) as Parameters<
    ClientV1['connect']
  >[0]
  await client.connect(transport)
  return {
    call: async (call) =>
      (await client.callTool(paramsOf(call), undefined, requestOptions(call))).structuredContent,
    close: () => client.close(),
  }
}

const paramsOf = ({ name, arguments: args }: Call) => ({ name, arguments: args })

/** Every kind of client, and how many there are of it: 50 in all. */
export const kinds: { kind: string; count: number; open(target: Target): Promise<OpenClient> }[] = [
  { kind: 'SDK v2, 2026-07-28', count: 18, open: openModern },
  { kind: 'SDK v1, 2025-11-25', count: 16, open: openV1 },
  { kind: 'fetch, 2026-07-28', count: 8, open: async (target) => openRaw(target, '2026-07-28') },
  { kind: 'fetch, 2025-06-18', count: 8, open: async (target) => openRaw(target, '2025-06-18') },
]
