import { ask } from '../faults/ask.js'
import { mcpRequest } from '../faults/call.js'
import type { FaultServer } from '../faults/server.js'

type Callable = Pick<FaultServer, 'url' | 'key'>

export const readSample = ({ url, key }: Callable, sample: string) => {
  const uri = `sample://${sample}`
  const { headers, body } = mcpRequest(key, 'resources/read', { uri })
  return ask(url, { method: 'POST', headers: { ...headers, 'Mcp-Name': uri }, body })
}

export const describeSample = ({ url, key }: Callable, sample: string) => {
  const params = { name: 'describe_sample', arguments: { sample } }
  return ask(url, { method: 'POST', ...mcpRequest(key, 'prompts/get', params) })
}
