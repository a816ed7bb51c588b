import type { Server } from 'node:net'
import { requireOption, requireWhole } from './options.js'

/**
 * Caps the open connections of a worker's server. `maxConnections` does not do it: a worker that is full gives the connection
 * back, and when all are full the primary hands it round and round, at full speed, until one leaves.
 *
 * @returns the cap.
 * @throws TypeError `ERR_WORKERS_OPTION` for no server, or a cap that is no whole number above 0.
 */
export function capConnections(server: Server, max: number): number {
  requireOption(
    typeof server?.on === 'function',
    'server',
    'a server of node:http, https or net',
    server,
  )
  requireWhole('max', max, [1, Number.MAX_SAFE_INTEGER], 'connections')
  let open = 0
  // Both of its meanings: 0 is none to new versions of Node, and no cap to old ones.
  server.maxConnections = undefined as unknown as number
  server.prependListener('connection', (socket) => {
    if (open >= max) {
      socket.destroy()
      return
    }
    open++
    socket.once('close', () => {
      open--
    })
  })
  return max
}
