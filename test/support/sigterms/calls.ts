import type { Answer } from '../fuzz/answers.js'
import { valuesOf } from '../fuzz/answers.js'
import type { Random } from '../fuzz/random.js'

export type Era = 'modern' | 'legacy'

/** A call of MCP as bytes, and what its answer must say. */
export interface Call {
  head: Buffer
  body: Buffer
  /** What is wrong with an answer; undefined when it is right. */
  faultOf(answer: Answer): string | undefined
}

const CLIENT = { name: 'sigterms', version: '1.0.0' }
const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': CLIENT,
  'io.modelcontextprotocol/clientCapabilities': {},
}

/** Makes calls with ids of their own, so that no answer can be taken for another. */
export function caller(key: string, random: Random) {
  let id = 0

  function call(era: Era, method: string, params: object, faultIn: Check, more?: string): Call {
    const own = ++id
    const modern = era === 'modern'
    const message = {
      jsonrpc: '2.0',
      id: own,
      method,
      params: modern ? { ...params, _meta: META } : params,
    }
    const body = Buffer.from(JSON.stringify(message))
    const lines = [
      'POST /mcp HTTP/1.1',
      'Host: localhost',
      `Authorization: Bearer ${key}`,
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      `Content-Length: ${body.length}`,
      `MCP-Protocol-Version: ${modern ? '2026-07-28' : '2025-11-25'}`,
    ]
    if (more) lines.push(more)
    if (modern) lines.push(`Mcp-Method: ${method}`)
    if (modern && 'name' in params) lines.push(`Mcp-Name: ${params.name}`)
    const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
    return { head, body, faultOf: (answer) => faultOf(answer, own, faultIn) }
  }

  return {
    /** Answered at once; `last` on its connection when told so. */
    quick(era: Era, last = false): Call {
      const numbers = Array.from({ length: 1 + random.int(9) }, () => random.int(1000))
      const params = { name: 'summarize_numbers', arguments: { numbers } }
      const faultIn: Check = ({ structuredContent: found }) =>
        found?.count === numbers.length ? undefined : 'not the count of its numbers'
      return call(era, 'tools/call', params, faultIn, last ? 'Connection: close' : undefined)
    },
    /** Takes a second or two. */
    slow(era: Era): Call {
      const seconds = 1 + random.int(2)
      const params = { name: 'countdown', arguments: { seconds } }
      return call(era, 'tools/call', params, ({ structuredContent: found }) =>
        found?.waitedSeconds === seconds ? undefined : 'not the seconds it should have waited',
      )
    },
    /** Ends when the server does, with a result that says so. */
    listen(): Call {
      const params = { notifications: { toolsListChanged: true } }
      return call('modern', 'subscriptions/listen', params, ({ resultType }) =>
        resultType === 'complete' ? undefined : 'the stream did not end with a complete result',
      )
    },
  }
}

interface Result {
  resultType?: string
  structuredContent?: Record<string, unknown>
}
type Check = (result: Result) => string | undefined

function faultOf(answer: Answer, id: number, faultIn: Check): string | undefined {
  const said = `${answer.status} ${answer.body.toString().slice(0, 300)}`
  if (answer.status !== 200) return said
  const message = messagesOf(answer).find((found) => found.id === id)
  if (!message?.result) return `no result for ${id}: ${said}`
  const fault = faultIn(message.result)
  return fault && `${fault}: ${said}`
}

/** The body as JSON-RPC messages, sent as JSON or as events. */
function messagesOf(answer: Answer): { id?: unknown; result?: Result }[] {
  const text = answer.body.toString()
  const isEvents = valuesOf(answer, 'content-type').join().startsWith('text/event-stream')
  if (!isEvents) return [JSON.parse(text)]
  return [...text.matchAll(/^data: ?(.+)$/gm)].map(([, data = '{}']) => JSON.parse(data))
}
