import { type Answer, ask } from './ask.js'
import type { FaultServer } from './server.js'

const VERSION = '2026-07-28'
const client = {
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientInfo': { name: 'faults', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

export interface Request {
  headers: Record<string, string>
  body: string
}

/** A request of the revision 2026-07-28 as a client sends it. */
export function mcpRequest(key: string, method: string, params: Record<string, unknown>): Request {
  const body = { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: client } }
  return {
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': VERSION,
      'Mcp-Method': method,
      ...(typeof params.name === 'string' && { 'Mcp-Name': params.name }),
    },
    body: JSON.stringify(body),
  }
}

export interface ToolResult {
  isError?: boolean
  content?: { type: string; text: string }[]
  structuredContent?: Record<string, unknown>
}

/** What the caller of a tool got. */
export interface Outcome extends Answer {
  result: ToolResult | undefined
  error: { code: number; message: string } | undefined
}

type Callable = Pick<FaultServer, 'url' | 'key'>

export async function callTool(
  { url, key }: Callable,
  name: string,
  args: Record<string, unknown>,
  timeoutMs?: number,
): Promise<Outcome> {
  const request = mcpRequest(key, 'tools/call', { name, arguments: args })
  const answer = await ask(url, { method: 'POST', ...request, ...(timeoutMs && { timeoutMs }) })
  const { result, error } = lastMessage(answer)
  return { ...answer, result, error }
}

/** The tool that depends on nothing: what must go on working whatever else is broken. */
export const callNumbers = (server: Callable) =>
  callTool(server, 'summarize_numbers', { numbers: [1, 2, 3] })

/** Whether a call of `callNumbers` was answered in full. */
export const isMean2 = ({ status, result }: Outcome) =>
  status === 200 && result?.structuredContent?.mean === 2

/** The answer to the call itself, after any progress. */
function lastMessage({ text, headers }: Answer): Pick<Outcome, 'result' | 'error'> {
  if (!headers['content-type']?.startsWith('text/event-stream')) return JSON.parse(text || '{}')
  const [last = '{}'] = [...text.matchAll(/^data: (.+)$/gm)].map(([, data = '']) => data).slice(-1)
  return JSON.parse(last)
}

/** Calls that are made at the same time. */
export function together(count: number, call: () => Promise<Outcome>): Promise<Outcome[]> {
  const all = Promise.all(Array.from({ length: count }, call))
  // One that fails while the test looks elsewhere fails the test when it is waited for.
  all.catch(() => {})
  return all
}
