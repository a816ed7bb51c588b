const client = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'test', version: '1.0.0' },
}

/** One request of a client of 2025-11-25. */
export function request(
  url: URL,
  token: string,
  method: string,
  { session, params = method === 'initialize' ? client : {} }: RequestOptions = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: headersOf(token, session),
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
}

interface RequestOptions {
  session?: string
  params?: object
}

/** A session of its own, by hand: what a client library would hide is what is tested. */
export async function openSession(url: URL, token: string) {
  const opened = await request(url, token, 'initialize')
  const id = opened.headers.get('mcp-session-id')
  if (opened.status !== 200 || !id) throw new Error(`no session: ${opened.status}`)
  await opened.text()
  return {
    id,
    send: (method: string, params: object = {}) =>
      request(url, token, method, { session: id, params }),
    /** The stream of what belongs to no call. */
    listen: () => fetch(url, { headers: headersOf(token, id) }),
    end: () => fetch(url, { method: 'DELETE', headers: headersOf(token, id) }),
  }
}

function headersOf(token: string, session: string | undefined) {
  return {
    Authorization: `Bearer ${token}`,
    'Content-Type': 'application/json',
    Accept: 'application/json, text/event-stream',
    'MCP-Protocol-Version': '2025-11-25',
    ...(session && { 'Mcp-Session-Id': session }),
  }
}
