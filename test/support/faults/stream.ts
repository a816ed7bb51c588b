import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { mcpRequest } from './call.js'
import type { FaultServer } from './server.js'

/** A stream of changes as its client sees it. */
export interface OpenStream {
  status: number
  headers: IncomingMessage['headers']
  /** Everything said so far. */
  text: () => string
  /** Whether the server has ended it, or the connection has broken. */
  isOver: () => boolean
  hangUp: () => void
}

/** Opens `subscriptions/listen`, or is refused. */
export function openStream({ url, key }: Pick<FaultServer, 'url' | 'key'>): Promise<OpenStream> {
  const { headers, body } = mcpRequest(key, 'subscriptions/listen', {
    notifications: { toolsListChanged: true },
  })
  return new Promise((resolve, reject) => {
    const req: ClientRequest = request(url, { method: 'POST', headers, agent: false }, (res) => {
      let text = ''
      let over = false
      res.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      // A broken connection is how some streams end here.
      res.on('error', () => {})
      res.once('close', () => {
        over = true
      })
      const { statusCode: status = 0, headers } = res
      resolve({
        status,
        headers,
        text: () => text,
        isOver: () => over,
        hangUp: () => void req.destroy(),
      })
    })
    req.once('error', reject)
    req.end(body)
  })
}
