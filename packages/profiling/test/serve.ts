import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type ErrorRequestHandler } from 'express'
import { type ProfileEvent, type ProfilingOptions, profiling } from '../src/index.js'

export const TOKEN = 'a-token-of-the-tests-0123456789'
export const BEARER = { authorization: `Bearer ${TOKEN}` }

export const closers: (() => void)[] = []
export function closeAll(): void {
  for (const close of closers.splice(0)) close()
}

/** The router on a real server, and what it told of its uses. */
export async function serve(options: Partial<ProfilingOptions> = {}) {
  const events: ProfileEvent[] = []
  const app = express().set('query parser', false)
  const onProfile = (event: ProfileEvent) => events.push(event)
  app.use('/debug', profiling({ token: TOKEN, onProfile, ...options }))
  const answer: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(500).json({ error: String(error) })
  }
  app.use(answer)
  const server = createServer(app)
  closers.push(() => server.close().closeAllConnections())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/debug`
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${url}${path}`, { headers: BEARER, ...init })
  return { events, port, url, get }
}

/** What a refusal says. */
export async function errorOf(response: Response): Promise<string> {
  return ((await response.json()) as { error: string }).error
}
