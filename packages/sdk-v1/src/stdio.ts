import type { Readable, Writable } from 'node:stream'
import type { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import type { McpServerFactory } from '@modelcontextprotocol/server'

export interface StdioOptions {
  /** Told of failures of the connection. @default none */
  onerror?: (error: Error) => void
  /** @default process.stdin */
  stdin?: Readable
  /** @default process.stdout */
  stdout?: Writable
}

export interface StdioConnection {
  /** Ends the connection; calls that run are told by their signal. */
  close(): Promise<void>
}

/** One server of the factory for the client that started this process, as `serveStdio` of SDK v2 has it. It ends with the input. */
export function serveStdio(factory: McpServerFactory, options: StdioOptions = {}): StdioConnection {
  const { onerror = () => {}, stdin = process.stdin, stdout = process.stdout } = options
  const transport = new StdioServerTransport(stdin, stdout)
  transport.onerror = onerror
  const connecting = (async () => {
    const server = (await factory({ era: 'legacy' })) as unknown as Server
    await server.connect(transport)
    return server
  })()
  connecting.catch(onerror)
  const close = async () => {
    const server = await connecting.catch(() => undefined)
    await server?.close()
  }
  stdin.once('end', () => void close().catch(onerror))
  return { close }
}
