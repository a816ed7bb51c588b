import type { Call } from '@mcp-prod/rpc'

/** Whether an entry makes work. One without an id is still run by some handlers; a `notifications/…` only tells something. */
export function asks({ kind, method }: Call): boolean {
  return kind === 'request' || (kind === 'notification' && !method.startsWith('notifications/'))
}
