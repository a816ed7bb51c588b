import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { start } from './start.js'

describe.concurrent('signals', { timeout: 60_000 }, () => {
  it('SIGTERM goes unready, keeps accepting for the grace, answers the slow call and exits 0', async () => {
    const { child, ended, until, fetchFrom } = start('serve')
    const slow = fetchFrom('/slow')
    await until('call begun')
    expect(await (await fetchFrom('/draining')).text()).toBe('false')
    child.kill('SIGTERM')
    await until('shutdown: draining')
    const during = await fetchFrom('/draining')
    expect(await during.text()).toBe('true')
    expect(during.headers.get('connection')).toBe('close')
    const answer = await slow
    expect(answer.headers.get('connection')).toBe('close')
    expect(await answer.text()).toBe('answered')
    await expect(fetchFrom('/draining')).rejects.toThrow()
    expect(await ended).toMatchObject({ code: 0, signal: null })
  })

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('a second signal, %s, exits at once with %i', async (signal, code) => {
    const { child, ended, until, fetchFrom } = start('serve')
    fetchFrom('/never').catch(() => {})
    await until('call begun')
    child.kill('SIGTERM')
    await until('shutdown: draining')
    await new Promise((resolve) => setTimeout(resolve, 400))
    const sentAt = performance.now()
    child.kill(signal)
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code, signal: null })
    // Else it takes the 20 s that the call is waited for.
    expect(endedAt - sentAt).toBeLessThan(10_000)
  })

  it('SIGTERM during start-up ends the process without the grace; a server that begins to listen then says its address and is closed', async () => {
    const { child, ended, until } = start('starting')
    await until('starting')
    const sentAt = performance.now()
    child.kill('SIGTERM')
    expect(await until('late')).toMatchObject({
      addresses: ['127.0.0.1', '127.0.0.1'],
      listening: [false, false],
    })
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code: 0, signal: null })
    // Else it takes the grace of 30 s.
    expect(endedAt - sentAt).toBeLessThan(20_000)
  })

  it('forces the end at the deadline, says what was still running and exits 1', async () => {
    const { child, ended, until, lines, fetchFrom } = start('hanging')
    fetchFrom('/never?token=hunter2').catch(() => {})
    await until('call begun')
    const sentAt = performance.now()
    child.kill('SIGTERM')
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code: 1, signal: null })
    expect(endedAt - sentAt).toBeGreaterThan(2_950)
    expect(endedAt - sentAt).toBeLessThan(10_000)
    const never = { route: 'GET /never', ageMs: expect.any(Number), id: 'req-7' }
    const cut = lines.find((line) => line.message === 'shutdown: requests cut off')
    expect(cut).toMatchObject({ count: 1, requests: [never] })
    const forced = lines.find((line) => line.message === 'shutdown: forced at the deadline')
    expect(forced).toMatchObject({
      error: expect.stringContaining('longer than 3000 ms'),
      hooks: [{ name: 'queue', runningMs: expect.any(Number) }, { name: 'database' }],
      // The hook waits for a timer.
      active: { Timeout: expect.any(Number) },
    })
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })

  it('tells at the deadline of the requests that were still running', async () => {
    const { child, ended, until, fetchFrom } = start('stuck')
    fetchFrom('/never?token=hunter2').catch(() => {})
    await until('call begun')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 1, signal: null })
    expect(await until('shutdown: forced at the deadline')).toMatchObject({
      count: 1,
      requests: [{ route: 'GET /never', ageMs: expect.any(Number), id: 'req-7' }],
      active: { TCPSocketWrap: 1 },
    })
  })

  it('loses no line of a log on a pipe whose reader is slow', async () => {
    const { child, ended, until, lines } = start('chatty')
    await until('listening')
    child.stdout?.pause()
    child.kill('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 200))
    child.stdout?.resume()
    expect(await ended).toMatchObject({ code: 0, signal: null })
    expect(lines.filter((line) => line.message === 'line')).toHaveLength(20_000)
    expect(lines.at(-1)).toMatchObject({ message: 'shutdown: end', exitCode: 0 })
  })

  it('does not wait for a reader of the log who never reads', async () => {
    const { child, until } = start('chatty')
    await until('listening')
    child.stdout?.pause()
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
  })
})
