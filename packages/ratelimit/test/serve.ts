import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler, type Express } from 'express'

const closers: (() => void)[] = []

/** Ends every server of the test. */
export function closeServers(): void {
  for (const close of closers.splice(0)) close()
}

export interface Answer {
  status: number
  headers: Headers
  body: Record<string, unknown> & {
    error?: { code: number; message: string; data: Record<string, unknown> }
  }
}

/** Listens with the app that `build` fills; errors that reach Express end as 500 with their code. */
export async function serve(build: (app: Express) => void): Promise<{ url: string; port: number }> {
  const app = express()
  build(app)
  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).json({ code: error.code, message: error.message })
  }
  app.use(onError)
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, port }
}

export async function get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return read(await fetch(url, { headers }))
}

export async function post(
  url: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const all = { 'content-type': 'application/json', ...headers }
  return read(await fetch(url, { method: 'POST', headers: all, body: JSON.stringify(body) }))
}

async function read(response: Response): Promise<Answer> {
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer['body'],
  }
}

/** The statuses of `count` requests, one after another. */
export async function statuses(
  count: number,
  ask: (index: number) => Promise<Answer>,
): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < count; i++) seen.push((await ask(i)).status)
  return seen
}
