import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { must, strangersEnv } from '../command.js'

/** Pinned, and run on the Node they ask for, whatever runs this. */
const npx = (program: string) => ['-y', '-p', 'node@24', '-p', program]
const INSPECTOR = [...npx('@modelcontextprotocol/inspector@2.12.0'), 'mcp-inspector', '--cli']
const MCPORTER = [...npx('mcporter@0.12.3'), 'mcporter']
const MCP_REMOTE = [...npx('mcp-remote@0.15.1'), 'mcp-remote']

export interface Endpoint {
  url: URL
  key: string
  /** For what a program wants in a file. */
  folder: string
}

/** What a client program says: names of the tools, and the mean of 1, 2 and 3. */
export interface Told {
  tools: string[]
  mean: unknown
}

const input = { numbers: [1, 2, 3] }

/** The MCP Inspector on the command line. */
export async function inspector({ url, key, folder }: Endpoint): Promise<Told> {
  const to = [url.href, '--transport', 'http', '--header', `Authorization: Bearer ${key}`]
  const ask = async (...args: string[]) =>
    jsonIn(await must('npx', [...INSPECTOR, ...to, '--method', ...args], folder))
  const { tools } = await ask('tools/list')
  const call = ['tools/call', '--tool-name', 'summarize_numbers']
  const { structuredContent } = await ask(...call, '--tool-arg', 'numbers=[1,2,3]')
  return { tools: namesOf(tools), mean: structuredContent.mean }
}

/** mcporter, which reads its servers from a file. */
export async function mcporter({ url, key, folder }: Endpoint): Promise<Told> {
  const config = join(folder, 'mcporter.json')
  const headers = { Authorization: `Bearer ${key}` }
  const server = { baseUrl: url.href, headers }
  await writeFile(config, JSON.stringify({ mcpServers: { server } }), { mode: 0o600 })
  const ask = async (...args: string[]) =>
    jsonIn(await must('npx', [...MCPORTER, '--config', config, ...args], folder))
  const { tools } = await ask('list', 'server', '--json')
  const called = ['call', 'server.summarize_numbers', '--args', JSON.stringify(input)]
  return { tools: namesOf(tools), mean: (await ask(...called)).mean }
}

/** mcp-remote between a client that speaks stdio and the server. */
export async function mcpRemote({ url, key, folder }: Endpoint): Promise<Told> {
  const transport = new StdioClientTransport({
    command: 'npx',
    args: [...MCP_REMOTE, url.href, '--header', `Authorization: Bearer ${key}`],
    env: strangersEnv() as Record<string, string>,
    cwd: folder,
    stderr: 'ignore',
  })
  const client = new Client({ name: 'test', version: '1.0.0' })
  try {
    await client.connect(transport, { timeout: 120_000 })
    const { tools } = await client.listTools()
    const { structuredContent } = await client.callTool({
      name: 'summarize_numbers',
      arguments: input,
    })
    return { tools: namesOf(tools), mean: (structuredContent as { mean: number }).mean }
  } finally {
    await client.close()
  }
}

function namesOf(tools: readonly { name: string }[]): string[] {
  return tools.map(({ name }) => name)
}

/** What npm warns of comes before it. */
function jsonIn(output: string) {
  return JSON.parse(output.slice(output.indexOf('\n{') + 1 || output.indexOf('{')))
}
