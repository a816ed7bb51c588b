import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An alert as Alertmanager tells of it. */
export interface Notice {
  status: 'firing' | 'resolved'
  labels: Record<string, string>
  annotations: Record<string, string>
}

/** Takes whatever is posted to it, on a port of its own. */
export async function receiver(onBody: (body: Buffer) => void = () => {}) {
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk)
    onBody(Buffer.concat(chunks))
    res.setHeader('Content-Type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** Somebody who is called by Alertmanager, and remembers every call. */
export async function webhook() {
  const notices: Notice[] = []
  const { url, close } = await receiver((body) => {
    notices.push(...(JSON.parse(body.toString()) as { alerts: Notice[] }).alerts)
  })
  return { url: `${url}/alerts`, notices, close }
}
