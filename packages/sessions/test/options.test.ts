import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { memoryEventStore, sessionHandler } from '../src/index.js'
import { createTestServer } from './support.js'

const refused = (problem: RegExp) =>
  expect.objectContaining({ code: 'ERR_SESSIONS_OPTION', message: expect.stringMatching(problem) })

function caught(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

describe('an option that is none throws at creation', () => {
  it.each([
    [{ maxSessions: 0 }, /maxSessions must be a whole number of sessions, 1 or more, got 0/],
    [{ maxSessions: 10, maxSessionsPerPrincipal: 11 }, /must not be more than maxSessions \(10\)/],
    [{ idleMs: '5m' }, /idleMs must be a number of milliseconds from 1 to \d+, got "5m"/],
    [{ idleMs: 2 ** 31 }, /idleMs/],
    [{ idleMs: Number.NaN }, /idleMs/],
    [{ idleMs: 1000, maxAgeMs: 999 }, /maxAgeMs must be at least idleMs/],
    [{ keepAliveMs: -1 }, /keepAliveMs/],
    [{ allowDelete: 'false' }, /allowDelete must be true or false, got "false"/],
    [{ dangerouslyAllowAnonymous: 1 }, /dangerouslyAllowAnonymous/],
    [{ requireSession: null }, /requireSession/],
    [{ principalOf: 'alice' }, /principalOf must be a function/],
    [{ onClosed: {} }, /onClosed must be a function/],
    [{ onError: 1 }, /onError must be a function/],
    [{ eventStore: { append() {}, read() {} } }, /eventStore .* no function drop/],
    [{ eventStore: null }, /eventStore/],
    [{ bus: {} }, /bus .* subscribe/],
    [{ maxDetachedCalls: -1 }, /maxDetachedCalls/],
    [{ maxBufferBytes: 1.5 }, /maxBufferBytes/],
    [{ retryMs: 'x' }, /retryMs/],
  ])('%j', (options, problem) => {
    expect(caught(() => sessionHandler(createTestServer, options as never))).toEqual(
      refused(problem),
    )
  })

  it('also of the store, and a factory that is none', () => {
    expect(caught(() => memoryEventStore({ maxEvents: 0 }))).toEqual(refused(/maxEvents/))
    expect(caught(() => memoryEventStore({ maxAgeMs: -1 }))).toEqual(refused(/maxAgeMs/))
    expect(caught(() => sessionHandler(undefined as never))).toEqual(refused(/createServer/))
  })
})

it.each([
  [
    'throw',
    () => {
      throw new Error('hook')
    },
  ],
  ['reject', () => Promise.reject(new Error('hook'))],
])('hooks that %s change nothing, and no rejection is left unhandled', async (_, fail) => {
  const { serve } = await import('./support.js')
  const { begin, call, initializeBody, post, send } = await import('./raw.js')
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  onTestFinished(() => void process.off('unhandledRejection', unhandled))
  let errors = 0
  // No mock: that would handle what it rejects.
  const onError = () => {
    errors++
    return fail()
  }
  const { url, sessions } = await serve({
    maxSessionsPerPrincipal: 1,
    eventStore: { append: fail, read: () => [], drop: fail },
    onOpened: fail,
    onClosed: fail,
    onLimited: fail,
    onError,
  })
  const { headers } = await begin(url)
  expect(await (await post(url, call('whoami'), headers)).text()).toContain('alice')
  expect((await post(url, initializeBody())).status).toBe(429)
  expect((await send(url, 'DELETE', headers)).status).toBe(204)
  expect(sessions.state().sessions).toBe(0)
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(errors).toBeGreaterThan(0)
  expect(unhandled).not.toHaveBeenCalled()
})
