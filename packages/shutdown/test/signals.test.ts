import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))
const children: ChildProcess[] = []
afterAll(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

type Line = Record<string, unknown> & { message: string }

/** Starts the child and reads its lines; `until` waits for one. */
function start(scenario: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, scenario], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const lines: Line[] = []
  let rest = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n')
    rest = parts.pop() ?? ''
    for (const part of parts) lines.push(JSON.parse(part))
    child.emit('lines')
  })
  const ended = once(child, 'close').then(([code, signal]) => ({
    code,
    signal,
    endedAt: performance.now(),
  }))
  async function until(message: string): Promise<Line> {
    for (;;) {
      const line = lines.find((found) => found.message === message)
      if (line) return line
      if (child.exitCode !== null) throw new Error(`ended without "${message}"`)
      await Promise.race([once(child, 'lines'), ended])
    }
  }
  async function fetchFrom(path: string) {
    const { port } = await until('listening')
    return fetch(`http://127.0.0.1:${port}${path}`)
  }
  return { child, lines, ended, until, fetchFrom }
}

describe.concurrent('signals', { timeout: 20_000 }, () => {
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
    await new Promise((resolve) => setTimeout(resolve, 80))
    const sentAt = performance.now()
    child.kill(signal)
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code, signal: null })
    expect(endedAt - sentAt).toBeLessThan(1_000)
  })

  it('SIGTERM during start-up ends the process without the grace; a server that begins to listen then is closed', async () => {
    const { child, ended, until } = start('starting')
    await until('starting')
    const sentAt = performance.now()
    child.kill('SIGTERM')
    expect(await until('late')).toMatchObject({ listening: [false, false] })
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code: 0, signal: null })
    expect(endedAt - sentAt).toBeLessThan(2_000)
  })

  it('forces the end at the deadline, says what was still running and exits 1', async () => {
    const { child, ended, until, lines, fetchFrom } = start('hanging')
    fetchFrom('/never?token=hunter2').catch(() => {})
    await until('call begun')
    const sentAt = performance.now()
    child.kill('SIGTERM')
    const { endedAt, ...end } = await ended
    expect(end).toEqual({ code: 1, signal: null })
    expect(endedAt - sentAt).toBeGreaterThan(1_250)
    expect(endedAt - sentAt).toBeLessThan(2_500)
    const forced = lines.find((line) => line.message === 'shutdown: forced at the deadline')
    expect(forced?.hooks).toEqual(['queue', 'database'])
    const cut = lines.find((line) => line.message === 'shutdown: requests cut off')
    expect(cut?.requests).toEqual(['GET /never'])
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
