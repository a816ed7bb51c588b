/** In the place of a request with the envelope and the headers of 2026-07-28: one without. */
export function modern<Params extends object>(method: string, params: Params) {
  return {
    body: { jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: {} } },
    headers: { 'mcp-protocol-version': '2025-11-25' },
  }
}

export function listenCall(id: unknown = 1, notifications: unknown = { toolsListChanged: true }) {
  const { body, headers } = modern('subscriptions/listen', { notifications })
  return { body: { ...body, id }, headers }
}
