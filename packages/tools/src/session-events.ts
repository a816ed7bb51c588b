import type { Server, ServerEvent, ServerEventBus } from '@modelcontextprotocol/server'
import { MAX_SUBSCRIBED_URIS } from './definitions.js'
import type { Watched } from './watched.js'

/** Of the SDK's server, what tells its client something. */
export type Telling = Pick<
  Server,
  | 'transport'
  | 'onclose'
  | 'getNegotiatedProtocolVersion'
  | 'sendToolListChanged'
  | 'sendPromptListChanged'
  | 'sendResourceListChanged'
  | 'sendResourceUpdated'
>

/** What an instance that outlives its requests tells its client: over stdio, or in a session of the 2025 revisions. */
export interface SessionEvents {
  /** Begins to tell, if the instance lives that long; once. */
  begin(): void
  /** False when there are as many already as a session may have. */
  subscribe(uri: string): boolean
  unsubscribe(uri: string): void
}

/**
 * Hears the bus for one instance of the SDK's server until that is closed. An instance for a single request over HTTP hears
 * nothing: there is nobody to tell.
 *
 * @param watched is told which resources the instance waits for.
 * @param lasting whether the instance lasts also without a session id, as over stdio.
 */
export function sessionEvents(
  server: Telling,
  bus: ServerEventBus,
  watched: Watched,
  lasting: boolean,
): SessionEvents {
  const uris = new Map<string, () => void>()
  let stop: (() => void) | undefined
  function lasts(): boolean {
    // What comes after its end would be kept forever.
    if (!server.transport) return false
    return lasting || server.transport.sessionId !== undefined
  }

  function drop(uri: string): void {
    uris.get(uri)?.()
    uris.delete(uri)
  }

  function end(): void {
    stop?.()
    stop = undefined
    for (const uri of [...uris.keys()]) drop(uri)
  }

  function hear(event: ServerEvent): void {
    // Whoever closed it may have put another listener in the place of ours.
    if (!server.transport) end()
    else send(server, event, uris).catch(() => {})
  }

  function begin(): void {
    if (stop || !lasts()) return
    stop = bus.subscribe(hear)
    const { onclose } = server
    server.onclose = () => {
      end()
      onclose?.()
    }
  }

  return {
    begin,
    subscribe(uri) {
      if (!lasts() || uris.has(uri)) return true
      if (uris.size >= MAX_SUBSCRIBED_URIS) return false
      begin()
      uris.set(uri, watched.add([uri]))
      return true
    },
    unsubscribe: drop,
  }
}

/** Over stdio in 2026-07-28 the SDK itself keeps who listens to what, and drops the rest. */
async function send(
  server: Telling,
  event: ServerEvent,
  uris: ReadonlyMap<string, unknown>,
): Promise<void> {
  if (event.kind === 'tools_list_changed') return server.sendToolListChanged()
  if (event.kind === 'prompts_list_changed') return server.sendPromptListChanged()
  if (event.kind === 'resources_list_changed') return server.sendResourceListChanged()
  const modern = (server.getNegotiatedProtocolVersion() ?? '') >= '2026-07-28'
  if (modern || uris.has(event.uri)) await server.sendResourceUpdated({ uri: event.uri })
}
