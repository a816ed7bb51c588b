/** `CALLS=20000 npx vitest run memory` prints the curve of as many. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { legacyCall } from '../../tools/test/support.js'

const CALLS = Number(process.env.CALLS ?? 8000)
const WAVES = 8
const MB = 1024 * 1024

it('keeps nothing of its calls', { timeout: 1_800_000 }, async () => {
  const file = fileURLToPath(new URL('./support/memory-server.ts', import.meta.url))
  const child = fork(file, [], { execArgv: ['--expose-gc', '--import', 'tsx'] })
  const next = async <T>() => (await once(child, 'message'))[0] as T
  const { port } = await next<{ port: number }>()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const body = JSON.stringify(legacyCall('tool', { text: 'x'.repeat(100) }).body)
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'content-length': body.length,
  }
  const call = () =>
    new Promise<void>((resolve, reject) => {
      request({ port, method: 'POST', path: '/mcp', agent, headers }, (res) => {
        let text = ''
        res.setEncoding('utf8').on('data', (chunk) => {
          text += chunk
        })
        res.once('end', () => (text.includes('structuredContent') ? resolve() : reject(text)))
      })
        .once('error', reject)
        .end(body)
    })
  const used: number[] = []
  for (let wave = 0; wave < WAVES; wave++) {
    let left = CALLS / WAVES
    const worker = async () => {
      while (left-- > 0) await call()
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    child.send('measure')
    used.push((await next<NodeJS.MemoryUsage>()).heapUsed)
  }
  agent.destroy()
  child.kill()
  await once(child, 'exit')
  if (process.env.CALLS) process.stdout.write(`${used.map((n) => (n / MB).toFixed(1)).join(' ')}\n`)
  // The first wave fills caches and compiles code. Half a kilobyte a call would be 3 MB.
  expect((used.at(-1) ?? 0) - (used[1] ?? 0)).toBeLessThan(1.5 * MB)
})
