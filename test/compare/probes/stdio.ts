import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { strangersEnv } from '../../support/command.js'
import type { Start } from '../server-process.js'

/** Whether the same tools answer over stdin and stdout. */
export async function stdio({ contestant, folder, issuer }: Start): Promise<string> {
  if (contestant.stdio === undefined) return 'no'
  const env = { ...strangersEnv(), ...issuer.env, NODE_ENV: 'production' } as Record<string, string>
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...contestant.stdio],
    cwd: folder,
    env,
    stderr: 'ignore',
  })
  const client = new Client({ name: 'compare', version: '1.0.0' })
  try {
    await client.connect(transport)
    const result = await client.callTool({ name: 'echo', arguments: { text: 'over stdio' } })
    return JSON.stringify(result).includes('over stdio') ? 'yes' : 'answers wrongly'
  } finally {
    await client.close()
  }
}
