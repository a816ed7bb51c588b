import { describe, expect, it } from 'vitest'
import { type PolicyOptions, policy, requestDeadline, waitFor } from '../src/index.js'

const fault = (...parts: string[]) =>
  expect.objectContaining({
    name: 'TypeError',
    code: 'ERR_RESILIENCE_OPTION',
    message: expect.stringMatching(new RegExp(['^@mcp-prod/resilience: ', ...parts].join('.*'))),
  })

describe('a wrong option throws at creation and is named with its value', () => {
  it.each<[unknown, ...string[]]>([
    [{ timeout: { totalMs: 0 } }, 'timeout.totalMs', 'got 0'],
    [{ timeout: { attemptMs: 2 ** 31 } }, 'timeout.attemptMs', 'got 2147483648'],
    [{ timeout: { attemptMs: '3s' } }, 'timeout.attemptMs', 'got "3s"'],
    [{ timeout: null }, 'timeout must be an object', 'got null'],
    [{ retry: true }, 'retry must be an object or false', 'got true'],
    [{ retry: { attempts: 0 } }, 'retry.attempts', 'got 0'],
    [{ retry: { attempts: Number.POSITIVE_INFINITY } }, 'retry.attempts', 'got Infinity'],
    [{ retry: { minDelayMs: 9_000 } }, 'retry.minDelayMs', '5000', 'got 9000'],
    [{ retry: { maxRetryAfterMs: -1 } }, 'retry.maxRetryAfterMs', 'got -1'],
    [{ retry: { isRetryable: true } }, 'retry.isRetryable', 'got true'],
    [{ retry: { budget: { share: -0.1 } } }, 'retry.budget.share', 'got -0.1'],
    [{ retry: { budget: { perSecond: Number.NaN } } }, 'retry.budget.perSecond', 'got NaN'],
    [{ retry: { budget: 5 } }, 'retry.budget must be an object', 'got 5'],
    [{ breaker: { failureRate: 0 } }, 'breaker.failureRate', 'got 0'],
    [{ breaker: { failureRate: 50 } }, 'breaker.failureRate', 'got 50'],
    [{ breaker: { minimumCalls: 0 } }, 'breaker.minimumCalls', 'got 0'],
    [{ breaker: { windowMs: 1.5 } }, 'breaker.windowMs', 'got 1.5'],
    [{ breaker: { openMs: -1 } }, 'breaker.openMs', 'got -1'],
    [{ breaker: { isFailure: 'x' } }, 'breaker.isFailure', 'got "x"'],
    [{ breaker: { isSuccess: 'x' } }, 'breaker.isSuccess', 'got "x"'],
    [{ breaker: [] }, 'breaker must be an object or false'],
    [{ bulkhead: { concurrency: 0 } }, 'bulkhead.concurrency', 'got 0'],
    [{ bulkhead: { queue: -1 } }, 'bulkhead.queue', 'got -1'],
    [{ onEvent: {} }, 'onEvent', 'got an object'],
    [null, 'options of policy', 'got null'],
  ])('policy %j', (options, ...parts) => {
    expect(() => policy('db', options as PolicyOptions)).toThrow(fault(...parts))
  })

  it.each([[''], [undefined], [7]])('policy named %j', (name) => {
    expect(() => policy(name as string)).toThrow(fault('name of policy must be a text'))
  })

  it.each<[unknown, ...string[]]>([
    [{ maxMs: 0 }, 'maxMs', 'got 0'],
    [{ maxMs: Number.POSITIVE_INFINITY }, 'maxMs', 'got Infinity'],
    [{ header: 'X Budget' }, 'header', 'got "X Budget"'],
    [{ header: 'X:\r\nY' }, 'header'],
    [{ header: '' }, 'header'],
  ])('requestDeadline %j', (options, ...parts) => {
    expect(() => requestDeadline(options as never)).toThrow(fault(...parts))
  })

  it.each<[unknown, unknown, ...string[]]>([
    [{ db: 5 }, {}, 'check "db" must be a function', 'got 5'],
    [null, {}, 'checks of waitFor'],
    [{}, { timeoutMs: 0 }, 'timeoutMs', 'got 0'],
    [{}, { attemptMs: -1 }, 'attemptMs', 'got -1'],
    [{}, { onRetry: 1 }, 'onRetry', 'got 1'],
  ])('waitFor %j %j', async (checks, options, ...parts) => {
    await expect(waitFor(checks as never, options as never)).rejects.toEqual(fault(...parts))
  })
})

it('false turns a part off', async () => {
  const bare = policy('db', { retry: false, breaker: false, bulkhead: false })
  expect(await bare.run(() => 1, { idempotent: true })).toBe(1)
})
