import type { Server } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { answersOwed } from './pipelined.js'

/**
 * Closes a connection whose client has taken nothing of a waiting answer for `sendTimeoutMs`. Silence alone is no
 * reason: a stream with nothing to say, or a tool at work, has nothing waiting. Node's own timeout counts
 * as activity whatever the kernel takes, so a slow reader stays.
 */
export function closeStalled(server: Server | HttpsServer, sendTimeoutMs: number): void {
  server.timeout = sendTimeoutMs
  server.on('timeout', (socket: Socket) => {
    // Without an answer owed this is the keep-alive time, which Node leaves to this listener too.
    if (socket.writableLength > 0 || answersOwed(socket) === 0) socket.destroy()
  })
}
