/** What is written about the defaults holds: in the README, in its table of sums, and in the TSDoc. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createShutdown, type ShutdownOptions } from '../src/index.js'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const readme = read('../README.md')
/** Kubernetes' default, preStop included; then it kills. */
const KUBERNETES_MS = 30_000
const LAST_MS = 1_000

afterEach(() => void vi.useRealTimers())

function numberIn(text: string, pattern: RegExp): number {
  const [, found] = pattern.exec(text) ?? []
  expect(found, String(pattern)).toBeDefined()
  return Number(found)
}

function refusal(options: ShutdownOptions): string {
  try {
    createShutdown(options)
  } catch (error) {
    return String(error)
  }
  throw new Error('it was not refused')
}

/** The defaults as the code has them, read from what it refuses. */
const code = {
  graceMs: numberIn(refusal({ drainTimeoutMs: 0, deadlineMs: 0 }), /from (\d+)/) - LAST_MS,
  drainTimeoutMs: numberIn(refusal({ graceMs: 0, deadlineMs: 0 }), /from (\d+)/) - LAST_MS,
  deadlineMs: numberIn(refusal({ graceMs: 1e9 }), /got (\d+)/),
}

describe('the defaults', () => {
  it.each(Object.entries(code))('%s is documented as it is: %i', (option, value) => {
    expect(numberIn(readme, new RegExp(`\`${option}\` +\\| ms +\\| (\\d+)`))).toBe(value)
    const doc = new RegExp(`@default (\\d+)(?:(?!@default)[^])*?\\b${option}\\?:`)
    expect(numberIn(read('../src/options.ts'), doc)).toBe(value)
  })

  it('are accepted together and end two seconds before Kubernetes kills', () => {
    expect(() => createShutdown(code)).not.toThrow()
    expect(code.deadlineMs).toBe(KUBERNETES_MS - 2_000)
  })

  it('of the signals are SIGTERM and SIGINT', async () => {
    const count = () =>
      (['SIGTERM', 'SIGINT', 'SIGUSR2', 'SIGHUP'] as const).map((s) => process.listenerCount(s))
    const before = count()
    const shutdown = createShutdown({ exit: () => {} })
    shutdown.listen()
    expect(count().map((now, i) => now - (before[i] ?? 0))).toEqual([1, 1, 0, 0])
    await shutdown.stop('test')
    expect(readme).toContain("`['SIGTERM', 'SIGINT']`")
  })

  it('of a hook is the documented time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const error = vi.fn()
    const logger = { debug: () => {}, info: () => {}, warn: () => {}, error }
    const shutdown = createShutdown({ logger, exit: () => {} })
    const begun = vi.fn(() => new Promise(() => {}))
    shutdown.onClose('hangs', begun)
    const stopped = shutdown.stop('test')
    await vi.waitUntil(() => begun.mock.calls.length > 0)
    vi.advanceTimersByTime(20_000)
    await stopped
    const ms = numberIn(error.mock.calls[0]?.[1].error, /longer than (\d+) ms/)
    expect(numberIn(readme, /`timeoutMs` +\| ms +\| (\d+)/)).toBe(ms)
  })
})

describe('the table of sums', () => {
  const rows = [...readme.matchAll(/^\| (\d+) s +\| (none|\d+ s) +\|(.+)\|$/gm)].map(
    ([, period = '', preStop = '', rest = '']) => {
      const [graceMs = 0, drainTimeoutMs = 0, deadlineMs = 0, sum = 0] = rest
        .split('|')
        .map((cell) => Number.parseInt(cell, 10))
      const preStopMs = (Number.parseInt(preStop, 10) || 0) * 1000
      return { period: Number(period) * 1000, preStopMs, graceMs, drainTimeoutMs, deadlineMs, sum }
    },
  )

  it('begins with the defaults', () => {
    expect(rows.length).toBeGreaterThan(2)
    expect(rows[0]).toMatchObject({ period: KUBERNETES_MS, preStopMs: 0, ...code })
  })

  it.each(rows)('fits and is accepted: $period ms, preStop $preStopMs ms', (row) => {
    const { period, preStopMs, graceMs, drainTimeoutMs, deadlineMs, sum } = row
    expect(() => createShutdown({ graceMs, drainTimeoutMs, deadlineMs })).not.toThrow()
    expect(sum * 1000).toBe(preStopMs + deadlineMs)
    expect(period - preStopMs - deadlineMs).toBe(2_000)
    expect(deadlineMs - graceMs - drainTimeoutMs).toBe(5_000)
  })
})
