import { Counter, type Registry } from 'prom-client'
import { nameLabels } from './labels.js'
import type { Metrics } from './types.js'

const LAYERS = [
  'ip',
  'principal',
  'tool',
  'concurrency',
  'overload',
  'streams',
  'sessions',
  'other',
]

/** What `@mcp-prod/auth` tells its `onRefused`, and `scope` for its `onDenied`. */
const REASONS = [
  'missing',
  'malformed',
  'repeated',
  'unknown',
  'unavailable',
  'form',
  'algorithm',
  'type',
  'key',
  'signature',
  'issuer',
  'audience',
  'expired',
  'expiry',
  'not_yet',
  'claims',
  'subject',
  'client',
  'tenant',
  'sender_constrained',
  'revoked',
  'inactive',
  'scope',
  'other',
]

/** Counts requests that a limit refused. */
export function limitMetrics(registry: Registry): Metrics['observeLimited'] {
  return countBy(registry, {
    name: 'mcp_requests_limited_total',
    help: 'Requests that a limit refused, by layer.',
    label: 'layer',
    values: LAYERS,
  })
}

/** Counts requests that were refused for their credentials. */
export function refusalMetrics(registry: Registry): Metrics['observeRefused'] {
  return countBy(registry, {
    name: 'mcp_requests_refused_total',
    help: 'Requests that were refused for their credentials, by reason.',
    label: 'reason',
    values: REASONS,
  })
}

interface CounterOfList {
  name: string
  help: string
  label: string
  values: readonly string[]
}

function countBy(registry: Registry, { name, help, label, values }: CounterOfList) {
  const counter = new Counter({ name, help, labelNames: [label], registers: [registry] })
  const known = nameLabels(values)
  // From 0, so that the first one already is an increase.
  for (const value of values) counter.inc({ [label]: value }, 0)
  return function count(value: string): void {
    counter.inc({ [label]: known(value) })
  }
}
