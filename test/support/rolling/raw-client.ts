import { type Call, type OpenClient, type Target, TIMEOUT_MS } from './calls.js'

const MODERN = '2026-07-28'

/** A client of one's own, which posts calls over connections that it keeps. */
export function openRaw({ url, key, fetch }: Target, version: string): OpenClient {
  let id = 0
  return {
    async call(call) {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          Authorization: `Bearer ${key}`,
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          'MCP-Protocol-Version': version,
          ...(version === MODERN && { 'Mcp-Method': 'tools/call', 'Mcp-Name': call.name }),
        },
        body: JSON.stringify(messageOf(call, ++id, version)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      })
      const text = await response.text()
      const answer = lastMessage(text)
      if (answer?.id !== id || !answer.result?.structuredContent)
        throw new Error(`${response.status} ${text.slice(0, 300)}`)
      return answer.result.structuredContent
    },
    async close() {},
  }
}

function messageOf({ name, arguments: args, streamed }: Call, id: number, version: string) {
  const _meta = {
    ...(streamed && { progressToken: id }),
    ...(version === MODERN && {
      'io.modelcontextprotocol/protocolVersion': MODERN,
      'io.modelcontextprotocol/clientInfo': { name: 'rolling', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    }),
  }
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args, _meta } }
}

interface Answer {
  id?: unknown
  result?: { structuredContent?: unknown }
}

/** The message of a JSON body, or the last one of a stream of events. */
function lastMessage(text: string): Answer | undefined {
  const json = text.startsWith('{') ? text : /^data: ?(\{.*)$/m.exec(lastEvent(text))?.[1]
  return json === undefined ? undefined : JSON.parse(json)
}

const lastEvent = (text: string) => text.slice(text.lastIndexOf('data:'))
