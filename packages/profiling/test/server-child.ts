// Run as a process of its own: server-child.ts [options as JSON]. Prints its port, then each use of a profile.
import { Session } from 'node:inspector/promises'
import type { AddressInfo } from 'node:net'
import express from 'express'
import { type ProfileEvent, profiling } from '../src/index.js'
import { TOKEN } from './serve.js'

class HeldOnPurpose {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
const held: unknown[] = []

function burnTheProcessor(): number {
  const until = performance.now() + 100
  let sum = 0
  while (performance.now() < until) for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i)
  return sum
}

function holdMuch(): void {
  const objects: HeldOnPurpose[] = []
  for (let i = 0; i < 100_000; i++) objects.push(new HeldOnPurpose(`text ${i}`))
  held.push(objects.slice(0, 50_000))
}

let other: Session | undefined
const app = express()
const options = JSON.parse(process.argv[2] ?? '{}')
const onProfile = (event: ProfileEvent) => process.stdout.write(`${JSON.stringify(event)}\n`)
app.use('/debug', profiling({ token: TOKEN, snapshotMemoryFactor: 1, onProfile, ...options }))
app.get('/memory', (_req, res) => {
  globalThis.gc?.()
  res.json(process.memoryUsage())
})
app.get('/burn', (_req, res) => {
  res.send(String(burnTheProcessor()))
})
app.get('/hold', (_req, res) => {
  holdMuch()
  res.send(String(held.length))
})
app.get('/other-session', async (_req, res) => {
  other = new Session()
  other.connect()
  await other.post('Debugger.enable')
  await other.post('Profiler.enable')
  await other.post('Profiler.start')
  res.end()
})
app.get('/other-session-ends', async (_req, res) => {
  res.json((await other?.post('Profiler.stop'))?.profile)
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
})
