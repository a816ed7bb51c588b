// +tracing
import type { Tracing } from '@mcp-prod/tracing'
import type { RunQuery } from './postgres-query.js'

/** Statements inside spans. Their text is safe to show: what callers say is in their values. */
export function tracedQuery(query: RunQuery, tracing: Tracing): { query?: RunQuery } {
  return {
    query(text, values, signal) {
      const [first = 'query'] = text.trim().split(/\s/, 1)
      const operation = first.toUpperCase()
      const attributes = {
        'db.system.name': 'postgresql',
        'db.operation.name': operation,
        'db.query.text': text,
      }
      return tracing.span(operation, { kind: 'client', attributes }, () =>
        query(text, values, signal),
      )
    },
  }
}
