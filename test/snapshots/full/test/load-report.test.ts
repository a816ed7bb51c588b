import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compare, lastLike } from '../load/compare.js'
import { pageOf } from '../load/page.js'
import { readRuns, shownUrl, withoutSecret, writeRun } from '../load/results.js'
import type { Stage } from '../load/run.js'
import { rampOf, runOf } from './support/load-samples.js'

describe('the ramp', () => {
  it('doubles until errors are too many, and looks closer there', async () => {
    const { end, asked, best, plan } = await rampOf((n) => (n > 10 ? { errors: 11 } : {}))
    expect(end).toMatchObject({ reason: 'errors', connections: 12 })
    expect(asked).toEqual([4, 1, 2, 4, 8, 16, 12, 10])
    expect(best).toMatchObject({ connections: 10, callsPerSecond: 1_000 })
    expect(plan).toMatchObject({ connections: 8, callsPerSecond: 700 })
  })

  const ends: [string, (n: number) => Partial<Stage>, number][] = [
    ['refusals', (n) => (n > 4 ? { refused: 20 } : {}), 5],
    ['latency', (n) => (n > 4 ? { latencyMs: { p50: 1, p90: 1, p99: 1_001, max: 2_000 } } : {}), 5],
    ['throughput', (n) => ({ callsPerSecond: Math.min(n, 4) * 100 }), 16],
    ['generator', (n) => ({ callsPerSecond: Math.min(n, 4) * 100, generatorBusy: n / 16 }), 16],
    ['errors', (n) => (n > 4 ? { calls: 0, latencyMs: null } : {}), 5],
    ['max-connections', () => ({}), 64],
  ]
  it.each(ends)('ends by %s', async (reason, change, connections) => {
    expect((await rampOf(change)).end).toMatchObject({ reason, connections })
  })

  it('does not go on after a limit, and then recommends nothing', async () => {
    const { end, asked, plan } = await rampOf(() => ({}), 4)
    expect([end.reason, plan, asked]).toEqual(['limits', null, [4]])
    expect(end.text).toContain('limited by A_LIMIT')
  })

  it('has no capacity to name where the first stage is broken', async () => {
    const { best, plan } = await rampOf(() => ({ errors: 500 }))
    expect([best, plan]).toEqual([null, null])
  })
})

describe('the results', () => {
  it('compare with the last run of the same kind, or say why there is none', async () => {
    const fast = await rampOf(() => ({}))
    const slow = await rampOf((n) => ({ callsPerSecond: 80 * n }))
    const now = runOf(fast)
    const other = runOf(fast, { startedAt: '2026-01-01T09:00:00.000Z', tool: 'else' })
    const then = runOf(slow, { startedAt: '2026-01-01T08:00:00.000Z', node: 'v22.0.0' })
    expect(compare(now, []).text).toEqual(['Not compared: this is the first run.'])
    expect(compare(now, [other]).text[0]).toMatch(/Not compared: .*differs in: tool/)
    const limited = runOf(await rampOf(() => ({}), 1))
    expect(lastLike(now, [limited])).toBeUndefined()
    const comparison = compare(now, [other, then])
    expect(comparison.startedAt).toBe(then.startedAt)
    expect(comparison.eras[0]).toMatchObject({ throughputRatio: 1.25 })
    expect(comparison.eras[0]?.p99Ratios[0]).toEqual({ connections: 1, ratio: 1 })
    expect(comparison.text.join()).toContain('Node was v22.0.0')
  })

  it('are read again, whatever else is in the folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'load-'))
    const run = runOf(await rampOf(() => ({})))
    await writeRun(folder, run, 'page')
    await writeFile(join(folder, 'broken.json'), '{"format":')
    await writeFile(join(folder, 'other.json'), '{"format":0}')
    expect(await readRuns(folder)).toEqual([run])
    await rm(folder, { recursive: true })
  })

  it('hold no credential', () => {
    const url = shownUrl(new URL('https://a.b/mcp?key=s3cret&key=t#s3cret'))
    expect(url).toBe('https://a.b/mcp?key=***')
    const hidden = withoutSecret({ a: ['Bearer s3cret'], s3cret: { b: 's3cret', n: 1 } }, 's3cret')
    expect(hidden).toEqual({ a: ['Bearer ***'], '***': { b: '***', n: 1 } })
  })

  it('make a page that no name and no message can break out of', async () => {
    const attack = `</script></style><img src=x onerror=alert(1)>"'&`
    const failing = await rampOf((n) =>
      n > 4 ? { errors: 500, failures: [{ what: attack, count: 500 }] } : {},
    )
    const run = runOf(failing, {
      tool: attack,
      url: `http://a/${attack}`,
      arguments: { [attack]: attack },
      comparison: { startedAt: null, text: [attack], eras: [] },
      machine: { cpus: 2, model: attack },
    })
    const page = await pageOf(run, run)
    expect(page).not.toContain('<img')
    expect(page).not.toMatch(/<script|<\/script/)
    expect(page.match(/<\/style>/g)).toHaveLength(1)
    expect(page).toContain('&lt;/script&gt;&lt;/style&gt;&lt;img src=x')
    expect(page).toContain('default-src &#39;none&#39;; style-src &#39;sha256-')
  })

  it('make a page where nothing was measured', async () => {
    const nothing = {
      stages: [],
      end: { reason: 'interrupted' as const, connections: 4, text: '' },
    }
    expect(await pageOf(runOf({ ...nothing, best: null, plan: null }), undefined)).toContain('<svg')
  })
})
