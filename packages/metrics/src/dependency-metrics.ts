import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { breakerStates } from './breaker-states.js'
import { nameLabels } from './labels.js'
import type { Metrics } from './types.js'

/** What a policy of `@mcp-prod/resilience` did: its `PolicyEvent`. Unknown types are not counted. */
export interface DependencyEvent {
  /** The dependency's name. */
  policy: string
  type: string
  /** Of `success` and `failure`, which tell of a whole run. */
  durationMs?: number
  error?: unknown
  why?: string
  scope?: string
  state?: string
  /** Where a dependency has a breaker for each. */
  origin?: string
}

const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const OUTCOMES = ['success', 'failure', 'rejected_open', 'rejected_full']
const WHYS = ['budget', 'deadline', 'retry-after']
const SCOPES = ['attempt', 'total']

/** Counts and times what the policies of `@mcp-prod/resilience` say of calls to dependencies. */
export function dependencyMetrics(
  registry: Registry,
  dependencies: readonly string[],
): Metrics['observeDependency'] {
  const dependencyOf = nameLabels(dependencies)
  const whyOf = nameLabels(WHYS)
  const scopeOf = nameLabels(SCOPES)
  const { calls, durations, retries, refused, timeouts, open } = series(registry)
  const states = new Map<string, ReturnType<typeof breakerStates>>()
  // From 0, so that the first failure already is an increase.
  for (const dependency of dependencies) {
    for (const outcome of OUTCOMES) calls.inc({ dependency, outcome }, 0)
    for (const why of WHYS) refused.inc({ dependency, why }, 0)
    for (const scope of SCOPES) timeouts.inc({ dependency, scope }, 0)
    retries.inc({ dependency }, 0)
    open.set({ dependency }, 0)
  }

  function countCall(dependency: string, outcome: string, durationMs = Number.NaN): void {
    calls.inc({ dependency, outcome })
    // What was refused took no time; and prom-client throws at what is no finite number.
    if (outcome.startsWith('rejected') || !Number.isFinite(durationMs) || durationMs < 0) return
    durations.observe({ dependency }, durationMs / 1000)
  }

  function noteState(dependency: string, { policy, origin, state = '' }: DependencyEvent): void {
    const levelOf = states.get(dependency) ?? breakerStates()
    states.set(dependency, levelOf)
    open.set({ dependency }, levelOf(JSON.stringify([policy, origin]), state))
  }

  return function observeDependency(event) {
    const dependency = dependencyOf(event.policy)
    const { type, durationMs, error, why = '', scope = '' } = event
    if (type === 'success') countCall(dependency, 'success', durationMs)
    else if (type === 'failure') countCall(dependency, failureOf(error), durationMs)
    else if (type === 'retry') retries.inc({ dependency })
    else if (type === 'retry-refused') refused.inc({ dependency, why: whyOf(why) })
    else if (type === 'timeout') timeouts.inc({ dependency, scope: scopeOf(scope) })
    else if (type === 'state') noteState(dependency, event)
    // 'rejected' speaks of one attempt; the run that it fails is told of by 'failure'.
  }
}

function failureOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  if (code === 'ERR_RESILIENCE_OPEN') return 'rejected_open'
  return code === 'ERR_RESILIENCE_FULL' ? 'rejected_full' : 'failure'
}

function series(registry: Registry) {
  const registers = [registry]
  return {
    calls: new Counter({
      name: 'mcp_dependency_calls_total',
      help: 'Calls to dependencies, retries included in one, by how they ended for their caller.',
      labelNames: ['dependency', 'outcome'],
      registers,
    }),
    durations: new Histogram({
      name: 'mcp_dependency_call_duration_seconds',
      help: 'Time that calls to dependencies took, with waits and retries; rejected calls left out.',
      labelNames: ['dependency'],
      buckets: BUCKETS,
      registers,
    }),
    retries: new Counter({
      name: 'mcp_dependency_retries_total',
      help: 'Attempts after the first.',
      labelNames: ['dependency'],
      registers,
    }),
    refused: new Counter({
      name: 'mcp_dependency_retries_refused_total',
      help: 'Retries that were not made, by why.',
      labelNames: ['dependency', 'why'],
      registers,
    }),
    timeouts: new Counter({
      name: 'mcp_dependency_timeouts_total',
      help: 'Timeouts of attempts and of whole calls.',
      labelNames: ['dependency', 'scope'],
      registers,
    }),
    open: new Gauge({
      name: 'mcp_dependency_breaker_open',
      help: '1 while a breaker of the dependency is open, 0.5 while it is half-open, else 0.',
      labelNames: ['dependency'],
      registers,
    }),
  }
}
