import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { jsonBody } from '@mcp-prod/rpc'
import type { RequestHandler, Response } from 'express'
import { vi } from 'vitest'
import {
  type ConcurrencyLimit,
  type LimitConcurrencyOptions,
  limitConcurrency,
} from '../src/index.js'
import { serve } from './serve.js'

export interface Held {
  limit: ConcurrencyLimit
  url: string
  port: number
  /** The answers that are not given yet, in the order in which their handlers began. */
  running: { id: unknown; res: Response }[]
  /** Lets the first call end that is still running. */
  finishOne(): void
}

/** Takes the whole `AuthInfo` from a header, in place of authentication. */
export const authenticate: RequestHandler = (req, _res, next) => {
  const auth = req.get('x-test-auth')
  if (auth) Object.assign(req, { auth: JSON.parse(auth) })
  next()
}

export const as = (principal: unknown, clientId = 'client') => ({
  'x-test-auth': JSON.stringify({ token: '', clientId, scopes: [], extra: { principal } }),
})

export const call = (id: number | string = 1, name = 'a') => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name },
})

/** A server whose calls run until the test lets them end. */
export async function serveHeld(
  options: LimitConcurrencyOptions,
  before: RequestHandler[] = [],
): Promise<Held> {
  const limit = limitConcurrency(options)
  const running: Held['running'] = []
  const { url, port } = await serve((app) => {
    app.set('trust proxy', 'loopback')
    app.use(authenticate, jsonBody(), ...before, limit.middleware)
    app.use((req, res) => {
      running.push({ id: req.body?.id, res })
    })
  })
  const finishOne = () => {
    running.shift()?.res.json({ done: true })
  }
  return { limit, url, port, running, finishOne }
}

/** Waits until what the server counts is as expected, and looks once more that it stays so. */
export async function settled(limit: ConcurrencyLimit, running: number, queued = 0): Promise<void> {
  const check = () => {
    const { running: r, queued: q } = limit.state()
    if (r !== running || q !== queued) throw new Error(`${r} run and ${q} wait`)
  }
  await vi.waitFor(check, { timeout: 25_000, interval: 5 })
  await wait(20)
  check()
}

/** One request as bytes. */
export function raw(body: unknown, headers: Record<string, string> = {}): string {
  const text = JSON.stringify(body)
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${fields.join('')}\r\n${text}`
}

/** A connection that has sent `bytes`. */
export async function sent(port: number, bytes: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(bytes)
  return socket
}
