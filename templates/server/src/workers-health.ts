import type { CheckReport, Checks, ChecksReport } from '@mcp-prod/health'
import type { Workers } from '@mcp-prod/workers'

/** As long as checks may take, and a little. */
const TIMEOUT_MS = 2_500
/** How long the others are waited for when one has said that it can serve: a worker that hangs holds up no probe. */
const LATER_MS = 200

/** What workers found of what they depend on, as that of one server: it can serve while one of them can, and the worst of each check is shown. */
export function workersHealth(workers: Workers): Checks {
  let found: ChecksReport | undefined

  async function ask(): Promise<ChecksReport[]> {
    const reports: ChecksReport[] = []
    await new Promise<void>((resolve) => {
      const asked = workers.list().filter(({ ready }) => ready)
      const answers = asked.map(async ({ id }) => {
        const report = (await workers.ask(id, 'health', undefined, {
          timeoutMs: TIMEOUT_MS,
        })) as ChecksReport
        reports.push(report)
        if (report.ok) setTimeout(resolve, LATER_MS).unref()
      })
      // One that does not answer is none that can serve.
      void Promise.allSettled(answers).then(() => resolve())
    })
    return reports
  }

  async function workersReport(): Promise<ChecksReport> {
    const reports = await ask()
    const checks: Record<string, CheckReport> = {}
    for (const [name, check] of reports.flatMap((report) => Object.entries(report.checks))) {
      const known = checks[name]
      const isWorse = !known || (known.status === 'up' && check.status !== 'up')
      if (isWorse || (check.status !== 'up' && check.durationMs > known.durationMs))
        checks[name] = check
    }
    found = { ok: reports.some(({ ok }) => ok), checks }
    return found
  }
  return Object.assign(workersReport, { latest: () => found })
}
