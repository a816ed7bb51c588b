import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { must } from './support/command.js'
import { missing } from './support/faults/components.js'
import { executablePath, launch, openPage } from './support/load/open-page.js'
import { type Loaded, load, startLoad } from './support/load/run-load.js'
import { breakingTools } from './support/load/tools.js'
import { noLimits } from './support/no-limits.js'
import { type Project, writeServer } from './support/project.js'
import { endAll } from './support/rolling/child.js'
import { type RunningServer, start } from './support/running.js'

const noBrowser = missing('chromium (Debian: chromium)', [executablePath, '--version'])
// Not the level: the line that tells where it listens is an info.
const quiet = { ACCESS_LOG_SHARE: '0' }
const short = ['--stage-seconds', '0.4', '--max-connections', '4', '--max-p99', '30s']
const oneEra = [...short, '--era', '2026-07-28']

let project: Project
let server: RunningServer
let setup: { folder: string; url: URL; key: string }

beforeAll(async () => {
  project = await writeServer('load', {}, { 'src/tools/index.ts': breakingTools })
  server = await start(project.folder, { ...noLimits, ...quiet })
  setup = { folder: project.folder, url: server.url, key: project.key }
})
afterAll(async () => {
  server?.process.kill('SIGKILL')
  await endAll()
})

const toolCall = (tool: string, args: object) => ['--tool', tool, '--args', JSON.stringify(args)]

describe('a server that holds', () => {
  let first: Loaded
  let second: Loaded
  beforeAll(async () => {
    first = await load(setup, ...short, '--metrics', `${server.adminUrl}/metrics`)
    second = await load({ ...setup, out: first.out }, ...short)
  })

  it('is measured in both eras, and the calls are those that it counted', async () => {
    expect(first.code, first.output).toBe(0)
    const eras = first.run?.eras ?? []
    expect(eras.map(({ era }) => era)).toEqual(['2026-07-28', '2025-11-25'])
    const stages = [...eras, ...(second.run?.eras ?? [])].flatMap((each) => each.stages)
    for (const stage of stages) {
      expect(stage).toMatchObject({ errors: 0, refused: 0, failures: [] })
      expect(stage.callsPerSecond).toBeGreaterThan(0)
      const { p50 = 0, p90 = 0, p99 = 0, max = 0 } = stage.latencyMs ?? {}
      expect([p50, p90, p99, max].toSorted((a, b) => a - b)).toEqual([p50, p90, p99, max])
    }
    expect(eras[0]?.stages[0]?.serverCpu).toBeGreaterThan(0)
    const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text()
    const [, counted] =
      /mcp_tool_calls_total\{tool="summarize_numbers",outcome="ok"\} (\d+)/.exec(metrics) ?? []
    const calls = stages.reduce((sum, stage) => sum + stage.calls, 0)
    // The first calls and the warm-ups are in no stage.
    expect(Number(counted)).toBeGreaterThan(calls)
  })

  it('is told in a table that holds a row for each stage, without colours', () => {
    const rows = first.output.split('\n').filter((line) => /^ +\d+ {2}20\d\d-/.test(line))
    const stages = first.run?.eras.flatMap((each) => each.stages) ?? []
    expect(rows).toHaveLength(stages.length)
    expect(new Set(rows.map((row) => row.length)).size).toBe(1)
    expect(first.output).toContain('plan for')
    expect(first.output).not.toContain('\x1b')
  })

  it('is compared with the run before', () => {
    expect(first.output).toContain('this is the first run')
    expect(second.output).toContain(`Compared with the run of ${first.run?.startedAt}`)
    const { startedAt, eras } = second.run?.comparison ?? {}
    expect(startedAt).toBe(first.run?.startedAt)
    for (const [index, { throughputRatio, p99Ratios }] of (eras ?? []).entries()) {
      const now = second.run?.eras[index]?.best?.callsPerSecond ?? 0
      const then = first.run?.eras[index]?.best?.callsPerSecond ?? 0
      expect(throughputRatio).toBeCloseTo(now / then, 1)
      expect(p99Ratios.length).toBeGreaterThanOrEqual(3)
    }
  })

  it('leaves no credential behind', async () => {
    for (const name of await readdir(first.out)) {
      expect(await readFile(join(first.out, name), 'utf8'), name).not.toContain(project.key)
    }
    expect(first.output + second.output).not.toContain(project.key)
  })

  it.skipIf(noBrowser)('has a page whose plots show its numbers in a real browser', async () => {
    const browser = await launch()
    const page = await openPage(browser, second.out)
    await browser.close()
    expect(page.complaints).toEqual([])
    expect(page.asked).toEqual([page.url])
    const eras = second.run?.eras ?? []
    for (const { era, stages } of eras) {
      const points = (plot: string, line: string) =>
        page.dots.filter((dot) => dot.plot === plot && dot.line === line).map(({ x, y }) => [x, y])
      expect(points(`throughput-${era}`, 'calls')).toEqual(
        stages.map(({ connections, callsPerSecond }) => [connections, callsPerSecond]),
      )
      for (const name of ['p50', 'p90', 'p99'] as const) {
        expect(points(`latency-${era}`, name)).toEqual(
          stages.map(({ connections, latencyMs }) => [connections, latencyMs?.[name]]),
        )
      }
    }
    expect(page.dots.filter((dot) => !dot.isVisible)).toEqual([])
    expect(page.dashed).toBe(8)
    // The style sheet is applied, so its hash is the right one.
    expect(page.colour).toBe('rgb(138, 63, 252)')
    expect(page.rows).toBe(eras.flatMap(({ stages }) => stages).length)
    expect(page.overflows).toBe(false)
  })
})

describe('a server that breaks', () => {
  // Long enough to overlap, however starved of processors the machine is that runs this.
  const ms = 400
  const broken = async (tool: string, args: object, ...options: string[]) => {
    const { code, output, run } = await load(setup, ...oneEra, ...toolCall(tool, args), ...options)
    return { code, output, ...run?.eras[0] }
  }

  it('by errors in the body of a 200 is told so, with its words, and found by bisection', async () => {
    const { code, output, end, best } = await broken('work', { ms, failAbove: 2 })
    expect([code, end?.reason], output).toEqual([0, 'errors'])
    expect([3, 4]).toContain(end?.connections)
    expect(best?.connections).toBeLessThan(end?.connections ?? 0)
    expect(output).toContain('mostly "tool error: the mailbox is full"')
  })

  it('by latency is told so', async () => {
    const args = { ms, slowAbove: 2, slowMs: 3_000 }
    const { code, output, end } = await broken('work', args, '--max-p99', '2s')
    expect([code, end?.reason], output).toEqual([0, 'latency'])
    expect([3, 4]).toContain(end?.connections)
  })

  it('by having no more throughput is told so', async () => {
    const { code, output, end } = await broken('queue', { ms: 100 }, '--max-connections', '32')
    expect([code, end?.reason], output).toEqual([0, 'throughput'])
    expect(output).toContain('connections gave hardly more than')
  })

  it('by refusing is told apart from one that fails', async () => {
    const { output, end, stages } = await broken('narrow', { ms: 1_200 })
    expect(end?.reason, output).toBe('refusals')
    expect(stages?.filter(({ errors }) => errors > 0)).toEqual([])
    expect(stages?.at(-1)?.refused).toBeGreaterThan(0)
  })
})

describe('what stands in the way', () => {
  it.each([1, 6])('is a rate limit of %i: told at once with its remedy', async (limit) => {
    const env = { PRINCIPAL_LIMIT_PER_MINUTE: String(limit), ...quiet }
    const limited = await start(project.folder, env)
    const { code, output, run } = await load({ ...setup, url: limited.url }, ...oneEra)
    limited.process.kill('SIGKILL')
    expect(code, output).toBe(1)
    expect(output).toContain('limited by PRINCIPAL_LIMIT_PER_MINUTE; for a load test start')
    if (limit === 1) expect(run, 'before any load').toBeUndefined()
    else expect(run?.eras[0]).toMatchObject({ end: { reason: 'limits' }, plan: null })
  })

  it('is said by the server, before any load', async () => {
    const nobody = { ...setup, url: new URL('http://127.0.0.1:2/mcp') }
    const cases = [
      [load(nobody), 1, 'ECONNREFUSED'],
      [load({ ...setup, key: 'wrong' }), 1, '2026-07-28'],
      [load(setup, '--tool', 'send'), 1, '--allow-writes'],
      [load(setup, '--token', project.key), 2, '--token-file'],
    ] as const
    for (const [running, code, said] of cases) {
      const ran = await running
      expect([ran.code, ran.run], ran.output).toEqual([code, undefined])
      expect(ran.output).toContain(said)
      expect(ran.output).not.toContain(project.key)
    }
  })

  it('is Ctrl-C: it ends the stage and writes what there is', async () => {
    const args = ['--stage-seconds', '2', '--max-p99', '30s', '--era', '2026-07-28']
    const { child, ended } = await startLoad(setup, args)
    await expect
      .poll(() => child.lines.some((line) => / 1 {2}2026-/.test(line)), { timeout: 30_000 })
      .toBe(true)
    child.process.kill('SIGINT')
    const { code, output, run } = await ended()
    expect(code, output).toBe(130)
    expect(run?.eras[0]?.end.reason).toBe('interrupted')
    expect(run?.eras[0]?.stages[0]).toMatchObject({ connections: 1, errors: 0 })
  })

  it('is the end of the server: calls fail, and the test ends', async () => {
    const dying = await start(project.folder, { ...noLimits, ...quiet })
    const args = [...oneEra, ...toolCall('work', { ms: 10 }), '--max-connections', '512']
    const { child, ended } = await startLoad({ ...setup, url: dying.url }, args)
    await expect
      .poll(() => child.lines.some((line) => / 2 {2}2026-/.test(line)), { timeout: 30_000 })
      .toBe(true)
    dying.process.kill('SIGKILL')
    const { code, output, run } = await ended()
    expect([code, run?.eras[0]?.end.reason], output).toEqual([0, 'errors'])
    expect(output).toMatch(/ECONN|socket|other side/i)
  })
})

it('is started by `npm run load`, which passes words and the exit code on', async () => {
  const words = ['run', '--silent', 'load', '--', '--none']
  await expect(must('npm', words, project.folder)).rejects.toThrow(
    /exited with 2:\nUnknown option '--none'/,
  )
})
