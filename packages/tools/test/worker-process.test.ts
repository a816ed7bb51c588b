import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** What a real process says that makes one call and then has nothing more to do; it must end by itself. */
async function output(what: string): Promise<string> {
  const file = fileURLToPath(new URL('./workers/server.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, what])
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  child.stderr.on('data', (chunk) => {
    text += chunk
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 60_000)
  await once(child, 'close')
  clearTimeout(timer)
  return text
}

it('is not held up by an idle thread', { timeout: 90_000 }, async () => {
  expect(await output('idle')).toMatch(/from thread \d+.*\nexit 0\n$/)
})

it('ends with the threads that its signal ends', { timeout: 90_000 }, async () => {
  expect(await output('stop')).toMatch(/from thread.*\n.*shutting down.*\nexit 0\n$/)
})

it('hears itself of what a tool throws after its answer', { timeout: 90_000 }, async () => {
  expect(await output('thrower')).toMatch(/answered.*\npolicy: thrown after the answer\nexit 0\n$/)
})
