import { atLeast } from './options.js'

/** One dependency. It is up when `run` returns or resolves, down when it throws, rejects or takes too long. */
export interface Check {
  /** Looks at the dependency. Stop when `signal` aborts: the time is over and nobody waits any more. */
  run(signal: AbortSignal): unknown
  /** Whether the server is of no use without it; only these make `/ready` answer 503. @default true */
  critical?: boolean
  /** Milliseconds until the check counts as failed. @default 2000 */
  timeoutMs?: number
}

export type CheckStatus = 'up' | 'down' | 'timeout'

/** What a probe may tell: never the error's text, which can hold addresses and credentials. */
export interface CheckReport {
  status: CheckStatus
  critical: boolean
  durationMs: number
}

export interface ChecksReport {
  /** Whether every critical check is up. */
  ok: boolean
  checks: Record<string, CheckReport>
}

export interface ChecksOptions {
  /** Milliseconds a result is served again, so that probes never become a load. 0 turns it off. @default 1000 */
  cacheMs?: number
  /** Called when a check's status changes (and at its first failure), with the error: for the log. */
  onChange?: (name: string, status: CheckStatus, error?: unknown) => void
}

export interface Checks {
  /** Runs every check, at most once per `cacheMs` however many probes ask. Never rejects. */
  (): Promise<ChecksReport>
  /** What was found last, without looking again; undefined before anybody asked. */
  latest(): ChecksReport | undefined
}

/**
 * Names the dependencies that the probes look at. All run at once, each within its own time. A check that
 * ignores its signal is not started again until it ends, so hung checks cannot pile up.
 *
 * @throws TypeError `ERR_HEALTH_OPTION` for a time that is not a number of milliseconds.
 */
export function dependencyChecks(
  checks: Record<string, Check>,
  options: ChecksOptions = {},
): Checks {
  const { cacheMs = 1000, onChange } = options
  atLeast(0, 'cacheMs', cacheMs)
  const runners = Object.entries(checks).map(
    ([name, check]) => [name, runner(name, check, onChange)] as const,
  )
  let running: Promise<ChecksReport> | undefined
  let found: ChecksReport | undefined
  let expiresAt = 0

  async function runAll(): Promise<ChecksReport> {
    const entries = await Promise.all(
      runners.map(async ([name, run]) => [name, await run()] as const),
    )
    expiresAt = performance.now() + cacheMs
    found = {
      ok: entries.every(([, report]) => !report.critical || report.status === 'up'),
      checks: Object.fromEntries(entries),
    }
    return found
  }

  function checkDependencies() {
    if (!running || performance.now() >= expiresAt) {
      // Probes that arrive meanwhile share this run.
      expiresAt = Number.POSITIVE_INFINITY
      running = runAll()
    }
    return running
  }
  return Object.assign(checkDependencies, { latest: () => found })
}

function runner(name: string, check: Check, onChange: ChecksOptions['onChange']) {
  const { critical = true, timeoutMs = 2000 } = check
  atLeast(1, `timeoutMs of check "${name}"`, timeoutMs)
  let running: Promise<void> | undefined
  let last: CheckStatus = 'up'

  function note(status: CheckStatus, error?: unknown) {
    if (status === last) return
    last = status
    try {
      onChange?.(name, status, error)
    } catch {
      // A listener that fails must not fail the probe.
    }
  }

  return async function runCheck(): Promise<CheckReport> {
    const started = performance.now()
    const report = (status: CheckStatus): CheckReport => ({
      status,
      critical,
      durationMs: Math.round(performance.now() - started),
    })
    const stop = new AbortController()
    running ??= Promise.resolve()
      .then(() => check.run(stop.signal))
      .then(() => {})
      .finally(() => {
        running = undefined
      })
    let timer: NodeJS.Timeout | undefined
    const timeout = new Promise<'timeout'>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, 'timeout')
    })
    try {
      const outcome = await Promise.race([running, timeout])
      if (outcome === 'timeout') {
        const error = new Error(`health check "${name}" took longer than ${timeoutMs} ms`)
        // Whoever is still running it must not crash the process when it fails after all.
        running?.catch(() => {})
        stop.abort(error)
        note('timeout', error)
        return report('timeout')
      }
      note('up')
      return report('up')
    } catch (error) {
      note('down', error)
      return report('down')
    } finally {
      clearTimeout(timer)
    }
  }
}
