import { type Agent, type ClientRequest, request } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { megabytes } from '../proc.js'
import type { Running } from '../server-process.js'

const PIECE = 64 * 1024

interface Sent {
  method?: string
  headers?: object
  body?: string
  agent?: Agent
}

interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** A request as it is told, Host and all; 0 is a connection that was cut. */
export function send(
  url: URL,
  { method = 'POST', headers = {}, body, agent }: Sent = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    // An answer may lie behind a connection that the server has already closed for writing.
    const cut = () => setTimeout(resolve, 500, { status: 0, headers: {}, body: '' })
    const options = { method, headers: { ...json, ...headers }, timeout: 20_000, agent }
    const asked = request(url, options, (res) => {
      let text = ''
      res.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      res.on('close', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: text }),
      )
    })
    asked.once('timeout', () => asked.destroy()).on('error', cut)
    void upload(asked, body)
  })
}

/** In pieces, and no more of them once there is an answer, as a client that reads while it writes. */
async function upload(asked: ClientRequest, body = ''): Promise<void> {
  let answered = false
  asked.once('response', () => {
    answered = true
  })
  asked.setHeader('content-length', Buffer.byteLength(body))
  for (let at = 0; at < body.length && !answered && !asked.destroyed; at += PIECE) {
    asked.write(body.slice(at, at + PIECE))
    await nextTurn()
  }
  if (!asked.destroyed) asked.end()
}
const json = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'mcp-protocol-version': '2025-11-25',
}
const bearer = ({ token }: Running) => ({ authorization: `Bearer ${token}` })
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'compare', version: '1.0.0' },
  },
})

/** No credentials: the status, and whether a client finds out from it where to get some (RFC 9728). */
export async function anonymous(server: Running): Promise<string> {
  const { status, headers } = await send(server.url, { body: initialize })
  const challenge = String(headers['www-authenticate'] ?? '')
  const told = /resource_metadata="?([^",\s]+)/.exec(challenge)?.[1]
  if (told === undefined) return `${status}, ${challenge ? 'challenge' : 'no challenge'}`
  const named = new URL(told)
  // What the metadata URL names, asked of this process, whatever public name it was configured with.
  const document = await send(new URL(named.pathname, server.url), { method: 'GET' })
  const served = document.status === 200 && document.body.includes('authorization_servers')
  return `${status}, challenge names metadata, ${served ? 'served' : `${document.status} there`}`
}

/** Whether a browser that a stranger's page sends here is refused: by Host, and by Origin. */
export async function foreign(server: Running): Promise<string> {
  const ask = (headers: object) =>
    send(server.url, { headers: { ...bearer(server), ...headers }, body: initialize })
  const host = await ask({ host: 'evil.example' })
  const origin = await ask({ origin: 'https://evil.example' })
  const own = await ask({})
  if (own.status !== 200) return `refuses its own client: ${own.status}`
  return `Host ${host.status}, Origin ${origin.status}`
}

/** A body of 20 MB by a caller who may call: the status, and what it did to the process's memory. */
export async function bigBody(server: Running): Promise<string> {
  const before = await megabytes(server.pid, 'VmHWM')
  const text = 'x'.repeat(20_000_000)
  const params = { name: 'echo', arguments: { text } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
  const { status } = await send(server.url, { headers: bearer(server), body })
  const after = await megabytes(server.pid, 'VmHWM')
  const grown = Number.isNaN(after) ? '' : `, +${after - before} MB`
  return `${status === 0 ? 'connection cut' : status}${grown}`
}

/** What there is for Prometheus to scrape. */
export async function metrics(server: Running): Promise<string> {
  const { status, headers, body } = await send(new URL('/metrics', server.admin), {
    method: 'GET',
    headers: bearer(server),
  })
  if (status !== 200) return `\`/metrics\` ${status}`
  const text = String(headers['content-type']).includes('text/plain')
  const series = body
    .split('\n')
    .filter((line) => /^[a-zA-Z_:][\w:]*(\{.*\})? [-+\d.eNI]/.test(line))
  return text && series.length > 0 ? `${series.length} series` : '200, not Prometheus'
}
