import type { ServerContext } from '@modelcontextprotocol/server'
import type { ToolContext } from './types.js'

/** The `progress` of one call: for a client that asked for it, and only until the call has ended. */
export function progressOf(context: ServerContext, isOver: () => boolean): ToolContext['progress'] {
  const progressToken = context.mcpReq._meta?.progressToken
  return async (progress, total, message) => {
    if (progressToken === undefined || isOver()) return
    const params = {
      progressToken,
      progress,
      ...(total !== undefined && { total }),
      ...(message && { message }),
    }
    try {
      await context.mcpReq.notify({ method: 'notifications/progress', params })
    } catch {
      // A client that went away needs no progress.
    }
  }
}
