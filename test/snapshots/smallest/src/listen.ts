import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Opens a port, and says by what address it is reached. */
export async function listen(server: Server, setting: string, host: string, port: number) {
  server.listen({ host, port })
  await once(server, 'listening').catch((cause: Error) => {
    throw new Error(`cannot listen on ${host}:${port}, as ${setting} says: ${cause.message}`)
  })
  const { address, port: actual, family } = server.address() as AddressInfo
  const scheme = 'setSecureContext' in server ? 'https' : 'http'
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${actual}`
}
