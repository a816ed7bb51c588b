import type { Server, ServerEvent } from '@modelcontextprotocol/server'
import type { Session } from './session.js'

/** Tells every session that a list has changed. Who watches one resource is known to that resource's handlers alone. */
export function announce({ kind }: ServerEvent, sessions: Iterable<Session>): void {
  for (const { server, initialized } of sessions) {
    if (!server || !initialized) continue
    const sender = 'server' in server ? server.server : server
    // A server without such a list says so by rejecting.
    sendOf(kind, sender)?.catch(() => {})
  }
}

function sendOf(kind: ServerEvent['kind'], server: Server): Promise<void> | undefined {
  if (kind === 'tools_list_changed') return server.sendToolListChanged()
  if (kind === 'prompts_list_changed') return server.sendPromptListChanged()
  if (kind === 'resources_list_changed') return server.sendResourceListChanged()
  return undefined
}
