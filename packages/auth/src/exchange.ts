import * as http from 'node:http'
import * as https from 'node:https'
import type { LookupFunction } from 'node:net'

export interface OutboundRequest {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  maxBytes: number
}

export interface OutboundAnswer {
  status: number
  /** The JSON object that came with status 200; undefined for anything else. */
  json: Record<string, unknown> | undefined
}

/** How a request reaches its server, and for how long it may try. */
export interface Connection {
  agent: http.Agent
  lookup: LookupFunction
  signal: AbortSignal
}

/** Sends a request and reads its answer, redirects not followed. @throws Error when there is none that can be used. */
export async function exchange(
  url: URL,
  request: OutboundRequest,
  connection: Connection,
): Promise<OutboundAnswer> {
  try {
    return await exchangeOnce(url, request, connection)
  } catch (error) {
    // The server closed a kept connection just as it was used again, which says nothing about it.
    if (isReset(error)) return exchange(url, request, connection)
    throw error
  }
}

function exchangeOnce(
  url: URL,
  { method = 'GET', headers = {}, body, maxBytes }: OutboundRequest,
  connection: Connection,
): Promise<OutboundAnswer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? https.request : http.request
    const request = send(url, {
      ...connection,
      method,
      // Inflated, a small answer could be a thousand times its size.
      headers: { accept: 'application/json', 'accept-encoding': 'identity', ...headers },
    })
    request.on('error', (error) => reject(Object.assign(error, { reused: request.reusedSocket })))
    // Also where there was neither an answer nor an error, as after 101 Switching Protocols.
    const onClose = () => reject(new Error('the connection ended without an answer'))
    request.once('close', onClose)
    request.once('response', (response) => {
      request.off('close', onClose)
      const release = () => {
        if (!response.readableEnded) request.destroy()
      }
      read(response, maxBytes).then(resolve, reject).finally(release)
    })
    request.end(body)
  })
}

async function read(response: http.IncomingMessage, maxBytes: number): Promise<OutboundAnswer> {
  const { statusCode: status = 0, headers } = response
  // Of a redirect too nothing is wanted but that it is one.
  if (status !== 200) return { status, json: undefined }
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    throw new Error('its answer is compressed')
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`its answer has more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return { status, json: jsonObject(Buffer.concat(chunks).toString()) }
}

function jsonObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function isReset(error: unknown): boolean {
  const { code = '', reused } = error as { code?: string; reused?: boolean }
  return reused === true && ['ECONNRESET', 'EPIPE'].includes(code)
}
