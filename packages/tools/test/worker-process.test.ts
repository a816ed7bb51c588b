import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** What a real process says that makes one call and then has nothing more to do; it must end by itself. */
async function output(
  what: string,
  streams: readonly ('stdout' | 'stderr')[] = ['stdout', 'stderr'],
): Promise<string> {
  const file = fileURLToPath(new URL('./workers/server.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, what])
  let text = ''
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].on('data', (chunk) => {
      if (streams.includes(stream)) text += chunk
    })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  await once(child, 'close')
  clearTimeout(timer)
  return text
}

it('is not held up by an idle thread', { timeout: 90_000 }, async () => {
  expect(await output('idle')).toMatch(/from thread \d+.*\nexit 0\n$/)
})

it('keeps what a thread prints off its own output, which may be the protocol', {
  timeout: 90_000,
}, async () => {
  expect(await output('chatty', ['stdout'])).toMatch(/^[^\n]*said[^\n]*\nexit 0\n$/)
  expect(await output('chatty', ['stderr'])).toContain('a line of the thread')
})

it('ends with the threads that its signal ends', { timeout: 90_000 }, async () => {
  expect(await output('stop')).toMatch(/from thread.*\n.*shutting down.*\nexit 0\n$/)
})

it('hears itself of what a tool throws after its answer', { timeout: 90_000 }, async () => {
  expect(await output('thrower')).toMatch(/answered.*\npolicy: thrown after the answer\nexit 0\n$/)
})
