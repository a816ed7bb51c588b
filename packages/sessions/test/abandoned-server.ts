/**
 * A server in a process of its own, with caps lifted. On `measure` it collects garbage and tells its heap and its sessions.
 * Started with `--expose-gc`; argument: `idleMs`.
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from '@modelcontextprotocol/server'
import express from 'express'
import { memoryEventStore, sessionHandler } from '../src/index.js'
import { authOf, info } from './fixtures.js'

function createServer() {
  const server = new Server(info, { capabilities: { tools: { listChanged: true } } })
  server.setRequestHandler('tools/list', () => ({ tools: [] }))
  return server
}
const sessions = sessionHandler(createServer, {
  idleMs: Number(process.argv[2]),
  maxSessions: 10_000_000,
  maxSessionsPerPrincipal: 10_000_000,
  eventStore: memoryEventStore(),
})
const app = express()
let principal = 0
app.post(
  '/mcp',
  (req, _res, next) => {
    Object.assign(req, { auth: authOf(`user ${principal++ % 1000}`) })
    next()
  },
  sessions.middleware,
)
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')

process.on('message', async () => {
  for (let round = 0; round < 4; round++) {
    globalThis.gc?.()
    await sleep(20)
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  process.send?.({ heapUsed, external, rss, ...sessions.state() })
})
process.on('disconnect', () => process.exit())
process.send?.({ port: (server.address() as AddressInfo).port })
