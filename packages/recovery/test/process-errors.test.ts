import { expect, it } from 'vitest'
import { handleProcessErrors, type ProcessErrorsOptions } from '../src/index.js'
import { startServer } from './support/server.js'

// What the default policy does is tested line by line in policy.test.ts.

it('ends the process in order for a rejection, where the policy says so', async () => {
  const { get, exited, of } = await startServer({
    policy: { unhandledRejection: 'exit', exitCode: 3 },
  })
  await get('/rejected/forgotten-await')
  expect(await exited).toBe(3)
  expect(of('stop')).toEqual([{ message: 'stop', reason: 'unhandledRejection', exitCode: 3 }])
})

it('stops once, however many exceptions follow, and does not flood the log', async () => {
  const { get, exited, of } = await startServer()
  await get('/uncaught/repeatedly')
  expect(await exited).toBe(1)
  expect(of('stop')).toHaveLength(1)
  expect(of('counted')).toHaveLength(50)
  expect(of('uncaught exception').length).toBeGreaterThan(1)
  expect(of('uncaught exception').length).toBeLessThan(50)
})

it('leaves room in the log for the exception that ends the process, under a flood of rejections', async () => {
  const { get, exited, of } = await startServer()
  await get('/rejected/flood?count=1000')
  await get('/uncaught/timer')
  expect(await exited).toBe(1)
  expect(of('uncaught exception')).toHaveLength(1)
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
  ['onError', { onError: 'count' }],
  ['unhandledRejection', { unhandledRejection: 'ignore' }],
  ['uncaughtException', { uncaughtException: 'log' }],
  ['exitCode', { exitCode: 0 }],
  ['exitTimeoutMs', { exitTimeoutMs: -1 }],
  ['exitTimeoutMs', { exitTimeoutMs: 2 ** 31 }],
  ['maxLinesPerSecond', { maxLinesPerSecond: 0 }],
])('refuses a wrong %s at creation, by name', (option, wrong) => {
  expect(() => handleProcessErrors({ ...policy, ...wrong } as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_RECOVERY_OPTION',
      message: expect.stringContaining(`@mcp-prod/recovery: ${option} must be`),
    }),
  )
})
