/** A request with the envelope and the headers of 2026-07-28, and nothing that needs a test runner. */
export function modern<Params extends object>(method: string, params: Params) {
  const _meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1.0.0' },
    'io.modelcontextprotocol/clientCapabilities': {},
  }
  return {
    body: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta } },
    headers: { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method },
  }
}

export function listenCall(id: unknown = 1, notifications: unknown = { toolsListChanged: true }) {
  const { body, headers } = modern('subscriptions/listen', { notifications })
  return { body: { ...body, id }, headers }
}
