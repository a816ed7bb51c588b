import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { at } from './support.js'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function run(scenario: string) {
  const file = fileURLToPath(new URL('child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, scenario, at('')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1', NODE_NO_WARNINGS: '1' },
  })
  children.push(child)
  const exited = once(child, 'close')
  const lines: unknown[] = []
  for await (const line of createInterface(child.stdout)) lines.push(JSON.parse(line))
  const [code] = await exited
  return { lines, code }
}

it('does not keep a process alive', async () => {
  expect(await run('watching')).toEqual({ lines: [{ done: true }], code: 0 })
})

it('gives one thread and ten seconds to a mount that hangs, says so once, and goes on when it is back', async () => {
  const { lines, code } = await run('hung mount')
  const fault = {
    name: 'A_KEY',
    problem: `the file "${at('a')}" cannot be read (ETIMEDOUT)`,
    remedy: 'see whether its mount still answers; A_KEY_FILE takes a path',
  }
  expect(lines).toEqual([
    { checks: 50, waiting: 1 },
    { faults: [fault] },
    { waiting: 1 },
    { changed: ['A_KEY', 'B_KEY'] },
    { done: true },
  ])
  expect(code).toBe(0)
})
