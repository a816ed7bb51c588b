/** Started as a process of its own: calls that burn CPU, shed or not, and health on another port of the same process. */
import { pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import express, { type Express } from 'express'
import { shedLoad } from '../src/index.js'

const [burnMs = 0, sheds = 0] = process.argv.slice(2).map(Number)

function work(rounds: number): void {
  pbkdf2Sync('password', 'salt', rounds, 32, 'sha256')
}

/** Rounds that take `burnMs` of a core that is free: a call is the same work, however busy the machine is. */
function calibrate(): number {
  let bestMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < 20; i++) {
    const began = performance.now()
    work(10_000)
    bestMs = Math.min(bestMs, performance.now() - began)
  }
  return Math.ceil((10_000 * burnMs) / bestMs)
}
const rounds = calibrate()

async function listen(app: Express): Promise<number> {
  const server = app.listen(0, '127.0.0.1', 1024)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const app = express()
if (sheds) app.use(shedLoad({ maxEventLoopDelayMs: sheds }).middleware)
app.post('/', jsonBody(), (req, res) => {
  if (req.body.method === 'tools/call') work(rounds)
  res.json({ jsonrpc: '2.0', id: req.body.id, result: {} })
})
const health = express().get('/', (_req, res) => {
  res.json({ status: 'ok' })
})
process.stdout.write(`${await listen(app)} ${await listen(health)}\n`)
