import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/client'
import { InMemoryTransport } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { createToolServer, defineTool, inWorker } from '../../src/index.js'
import type { Act, run as runHostile } from './hostile.worker.js'

// A process of its own: `node --import tsx server.ts <what>` calls a tool, and then has nothing more to do.

const [what] = process.argv.slice(2)
process.on('uncaughtException', (error) => say(`policy: ${error.message}`))
process.on('exit', (code) => say(`exit ${code}`))

const stop = new AbortController()
const hostile = defineTool({
  name: 'hostile',
  description: 'Behaves badly',
  input: z.object({ act: z.string() as unknown as z.ZodType<Act> }),
  run: inWorker<typeof runHostile>(new URL('./hostile.worker.js', import.meta.url)),
})
const thrower = defineTool({
  name: 'thrower',
  description: 'Answers and then throws',
  input: z.object({}),
  run: () => {
    setTimeout(() => {
      throw new Error('thrown after the answer')
    }, 20)
    return 'answered'
  },
})
const info = { name: 'test', version: '1.0.0' }
const server = await createToolServer([hostile, thrower], { ...info, signal: stop.signal })({
  era: 'legacy',
})
const [near, far] = InMemoryTransport.createLinkedPair()
await server.connect(far)
const client = new Client(info)
await client.connect(near)

if (what === 'idle') await tell(client.callTool({ name: 'hostile', arguments: { act: 'ok' } }))
if (what === 'chatty')
  await tell(client.callTool({ name: 'hostile', arguments: { act: 'chatty' } }))
if (what === 'thrower') await tell(client.callTool({ name: 'thrower', arguments: {} }))
if (what === 'stop') {
  await tell(client.callTool({ name: 'hostile', arguments: { act: 'ok' } }))
  const hanging = tell(client.callTool({ name: 'hostile', arguments: { act: 'loop' } }))
  await sleep(200)
  stop.abort()
  await hanging
}

async function tell(result: Promise<unknown>) {
  say(JSON.stringify(await result))
}

function say(line: string) {
  process.stdout.write(`${line}\n`)
}
