import { type ChildProcess, spawn } from 'node:child_process'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { strangersEnv } from '../command.js'

/** A client of the SDK, with a key or without. */
export async function connect(port: number, key?: string): Promise<Client> {
  const client = new Client({ name: 'test', version: '1.0.0' })
  const headers = key === undefined ? undefined : { authorization: `Bearer ${key}` }
  const url = new URL(`http://127.0.0.1:${port}/mcp`)
  await client.connect(
    new StreamableHTTPClientTransport(url, headers && { requestInit: { headers } }),
  )
  return client
}

export interface StartedServer {
  process: ChildProcess
  exited: Promise<number | null>
}

/** Starts the server that the steps have made, and waits until it says that it listens. */
export async function startServer(folder: string): Promise<StartedServer> {
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: strangersEnv(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text: Buffer) => text.includes('"listening"') && resolve())
    child.once('close', (code) => reject(new Error(`it ended with ${code} before it listened`)))
  })
  return { process: child, exited }
}
