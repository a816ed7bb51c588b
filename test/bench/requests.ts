export type Headers = Record<string, string>

const envelope = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'soak', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** A request of 2026-07-28. */
export function modern(headers: Headers, method: string, params: object, name?: string) {
  return {
    method: 'POST' as const,
    headers: {
      ...headers,
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': method,
      ...(name && { 'mcp-name': name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: envelope } }),
  }
}

/** A request of the revisions before, without a session. */
export function legacy(headers: Headers, method: string, params?: object) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  return { method: 'POST' as const, headers, body }
}

/** What honest clients of both eras send, and what one sends that errs. */
export function honest(headers: Headers) {
  const numbers = { name: 'summarize_numbers', arguments: { numbers: [1, 2, 3] } }
  const place = { name: 'current_weather', arguments: { latitude: 59.3, longitude: 18.1 } }
  return [
    modern(headers, 'tools/call', numbers, numbers.name),
    modern(headers, 'tools/call', place, place.name),
    modern(headers, 'resources/read', { uri: 'sample://dice' }, 'sample://dice'),
    legacy(headers, 'tools/call', numbers),
    legacy(headers, 'tools/call', { ...numbers, arguments: { numbers: ['one'] } }),
    legacy(headers, 'prompts/get', { name: 'describe_sample', arguments: { sample: 'dice' } }),
    legacy(headers, 'tools/list'),
  ]
}
