import { createServer, type RequestListener } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Answer {
  status: number
  headers: Headers
  text: string
  json(): ReturnType<typeof JSON.parse>
}

/** One request on a connection of its own. */
export async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { connection: 'close', ...(init.headers as Record<string, string>) }
  const response = await fetch(url, { redirect: 'manual', ...init, headers })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: () => JSON.parse(text),
  }
}

/** The first answer of a server that is about to start. */
export async function askUntilThere(url: string, init?: RequestInit): Promise<Answer> {
  for (let tries = 0; ; tries++) {
    try {
      return await ask(url, init)
    } catch (error) {
      if (tries > 300) throw error
      await sleep(100)
    }
  }
}

/** Asks until the answer has a status. @throws Error with the last one */
export async function untilStatus(url: string, status: number): Promise<void> {
  let answer = await ask(url)
  for (let tries = 0; answer.status !== status; tries++) {
    if (tries > 300) throw new Error(`${url} still answers ${answer.status}: ${answer.text}`)
    await sleep(100)
    answer = await ask(url)
  }
}

/** A JSON-RPC request to the endpoint of an example. */
export function rpc(
  method: string,
  params: object = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  return askUntilThere('http://127.0.0.1:8080/mcp', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 7, method, params }),
  })
}

/** What an example depends on: listens on the port that the example names. */
export async function serve(port: number, listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', resolve)
  })
  return async function close() {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
}
