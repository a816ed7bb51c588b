import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { boundHeap, capConnections } from '../src/index.js'

const MiB = 1024 * 1024
const canStartAnew = 'execve' in process

async function heapOf(memoryBytes: number, options: { nodeOptions?: string } = {}) {
  const child = fileURLToPath(new URL('./heap-child.ts', import.meta.url))
  const args = ['--import', import.meta.resolve('tsx'), child, 'one', 'two words']
  const { nodeOptions = '' } = options
  const env = { PATH: process.env.PATH, NODE_OPTIONS: nodeOptions, MEMORY: String(memoryBytes) }
  const started = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const [said, [code]] = await Promise.all([text(started.stdout), once(started, 'close')])
  expect(code).toBe(0)
  return { ...JSON.parse(said), isSameProcess: JSON.parse(said).pid === started.pid }
}

it('starts the program anew where the heap does not fit, if Node can, and leaves it alone otherwise', async () => {
  const { limit, args, isSameProcess, isTheirs } = await heapOf(256 * MiB)
  expect({ args, isSameProcess, isTheirs }).toEqual({
    args: ['one', 'two words'],
    isSameProcess: true,
    isTheirs: false,
  })
  if (canStartAnew) expect(limit).toBeLessThan(80 * MiB)
  else expect(limit).toBeGreaterThan(200 * MiB)
})

it('lets who has said how large the heap may be have it', async () => {
  const { limit, isTheirs } = await heapOf(256 * MiB, { nodeOptions: '--max-old-space-size=900' })
  expect(limit).toBeGreaterThan(900 * MiB)
  expect(isTheirs).toBe(true)
})

it('does nothing where the heap fits, or there is no limit', async () => {
  expect((await heapOf(1024 * 1024 * MiB)).limit).toBeGreaterThan(200 * MiB)
  expect(boundHeap(undefined, [])).toBeUndefined()
})

it('refuses wrong options', () => {
  const wrong = [
    () => boundHeap(0, []),
    () => boundHeap(Number.NaN, []),
    () => boundHeap(1, '--max-old-space-size=1' as unknown as string[]),
    () => capConnections(undefined as never, 1),
    () => capConnections({ on() {} } as never, 0),
  ]
  for (const call of wrong)
    expect(call).toThrow(expect.objectContaining({ code: 'ERR_WORKERS_OPTION' }))
})
