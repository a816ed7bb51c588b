import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { handleProcessErrors, type ProcessErrorsOptions } from '../src/index.js'

const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

async function start(scenario: string, policy: object = {}) {
  const file = fileURLToPath(new URL('child.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', file, scenario, JSON.stringify(policy)],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  )
  children.push(child)
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  const lines: Record<string, unknown>[] = []
  const port = await new Promise((resolve) => {
    createInterface(child.stdout).on('line', (text) => {
      const line = JSON.parse(text)
      lines.push(line)
      if (line.message === 'listening') resolve(line.port)
    })
  })
  const get = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
  return { get, exited, lines, messages: () => lines.map((line) => line.message) }
}

describe('a forgotten await', () => {
  it('is told and counted, and the server goes on', async () => {
    const { get, lines } = await start('forgotten await')
    await get('/fail')
    expect(await get('/')).toBe('quick')
    expect(lines).toContainEqual({ message: 'unhandled rejection', error: 'Error: forgotten' })
    expect(lines).toContainEqual({ message: 'counted', kind: 'unhandledRejection' })
  })

  it('ends the process in order where the policy says so', async () => {
    const { get, exited, lines } = await start('forgotten await', {
      unhandledRejection: 'exit',
      exitCode: 3,
    })
    await get('/fail')
    expect(await exited).toBe(3)
    expect(lines).toContainEqual({ message: 'stop', reason: 'unhandledRejection', exitCode: 3 })
  })
})

describe('a throw in a timer', () => {
  it('drains the call in flight and ends with 1', async () => {
    const { get, exited, lines } = await start('timer')
    const slow = get('/slow')
    await get('/fail')
    expect(await slow).toBe('slow')
    expect(await exited).toBe(1)
    expect(lines).toContainEqual({ message: 'uncaught exception', error: 'Error: in a timer' })
  })

  it('stops once however many follow, and does not flood the log', async () => {
    const { get, exited, messages } = await start('throws again')
    await get('/fail')
    expect(await exited).toBe(1)
    expect(messages().filter((message) => message === 'stop')).toHaveLength(1)
    const told = messages().filter((message) => message === 'uncaught exception')
    expect(told.length).toBeGreaterThan(1)
    expect(told.length).toBeLessThan(15)
  })

  it.each(['stop hangs', 'stop throws', 'broken logger'])(
    'ends with 1 although %s',
    async (scenario) => {
      const { get, exited } = await start(scenario, { exitTimeoutMs: 300 })
      await get('/fail')
      expect(await exited).toBe(1)
    },
  )

  it('may be survived, by a switch whose name warns', async () => {
    const { get, messages } = await start('timer', { uncaughtException: 'dangerouslyContinue' })
    await get('/fail')
    expect(await get('/')).toBe('quick')
    expect(messages()).not.toContain('stop')
  })
})

const policy: ProcessErrorsOptions = { logger: console, stop() {} }

it('is installed once, and can be taken away', () => {
  const before = process.listenerCount('uncaughtException')
  const remove = handleProcessErrors(policy)
  expect(() => handleProcessErrors(policy)).toThrow(
    expect.objectContaining({ code: 'ERR_RECOVERY_INSTALLED' }),
  )
  remove()
  expect(process.listenerCount('uncaughtException')).toBe(before)
})

it.each([
  ['logger', { logger: undefined }],
  ['stop', { stop: undefined }],
  ['unhandledRejection', { unhandledRejection: 'ignore' }],
  ['uncaughtException', { uncaughtException: 'log' }],
  ['exitCode', { exitCode: 0 }],
  ['exitTimeoutMs', { exitTimeoutMs: -1 }],
])('refuses a wrong %s at creation, by name', (option, wrong) => {
  expect(() => handleProcessErrors({ ...policy, ...wrong } as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_RECOVERY_OPTION',
      message: expect.stringContaining(option),
    }),
  )
})
