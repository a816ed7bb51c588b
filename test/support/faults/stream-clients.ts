import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { mcpRequest } from './call.js'
import { track } from './server.js'
import type { OpenOrder, StreamReport } from './stream-client.js'

const script = fileURLToPath(new URL('stream-client.ts', import.meta.url))

/** A process that holds streams open until it is killed. */
export function streamClients() {
  const child = fork(script, { execArgv: ['--import', 'tsx'] })
  track(child)

  async function told(order: OpenOrder | 'report'): Promise<StreamReport> {
    const answer = once(child, 'message')
    child.send(order)
    const [report] = await answer
    return report as StreamReport
  }

  return {
    /** Opens a stream with each key in turn, `count` in all, and resolves when every one is answered. */
    open(port: number, keys: readonly string[], count: number): Promise<StreamReport> {
      const texts = keys.map(listenText)
      const requests = Array.from({ length: count }, (_, i) => texts[i % texts.length] ?? '')
      return told({ port, requests, concurrency: 100 })
    },
    report: () => told('report'),
    /** Without a word to the server, as a machine that loses its power. */
    async vanish(): Promise<void> {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
}

function listenText(key: string): string {
  const { headers, body } = mcpRequest(key, 'subscriptions/listen', {
    notifications: { toolsListChanged: true },
  })
  const fields = { Host: '127.0.0.1', ...headers, 'Content-Length': String(body.length) }
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST /mcp HTTP/1.1\r\n${lines.join('')}\r\n${body}`
}
