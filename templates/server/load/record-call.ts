import { Client, StreamableHTTPClientTransport, type Tool } from '@modelcontextprotocol/client'
import { limitText } from './judge-answer.js'
import type { Options } from './options.js'
import type { Era } from './run.js'

/** A call as the SDK's client sent it, to be sent again under other ids. */
export interface RecordedCall {
  era: Era
  url: URL
  headers: Record<string, string>
  /** The body without its end: an id and a brace follow. */
  bodyStart: string
  /** Its connection stays open meanwhile: a session would end with it. */
  close(): Promise<void>
}

type Wanted = Pick<Options, 'url' | 'token' | 'tool' | 'args' | 'allowWrites'>

/**
 * Connects with a real client, looks whether the tool is there and may be called, calls it once, and keeps the request that went
 * out: so nothing here knows the protocol but the SDK.
 *
 * @throws Error with what the server said.
 */
export async function recordCall(era: Era, wanted: Wanted): Promise<RecordedCall> {
  const { url, token, tool: name, args } = wanted
  let sent: RequestInit = {}
  let limited: string | undefined
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
    async fetch(target, init) {
      if (String(init?.body).includes('"tools/call"')) sent = init ?? {}
      const response = await fetch(target, init)
      if (response.status === 429) limited = limitText(await response.clone().text())
      return response
    },
  })
  const mode = era === '2026-07-28' ? { pin: era } : ('legacy' as const)
  const client = new Client({ name: 'load', version: '1.0.0' }, { versionNegotiation: { mode } })
  try {
    await client.connect(transport)
    mayBeCalled((await client.listTools()).tools, wanted)
    const { isError, content } = await client.callTool({ name, arguments: args })
    if (isError) throw new Error(`${name} answers with an error: ${JSON.stringify(content)}`)
    return { era, url, ...replayable(sent, era), close: () => client.close() }
  } catch (error) {
    await client.close()
    throw limited ? new Error(limited) : error
  }
}

function mayBeCalled(tools: Tool[], { tool: name, allowWrites }: Wanted): void {
  const tool = tools.find((each) => each.name === name)
  if (tool === undefined) {
    const names = tools.map((each) => each.name).join(', ')
    throw new Error(`there is no tool ${name}; choose with --tool and --args one of: ${names}`)
  }
  if (tool.annotations?.readOnlyHint === true || allowWrites) return
  throw new Error(
    `${name} does not say that it only reads (readOnlyHint), and would be called thousands of times; ` +
      'where that does no harm, give --allow-writes',
  )
}

function replayable(sent: RequestInit, era: Era): Pick<RecordedCall, 'headers' | 'bodyStart'> {
  const headers = Object.fromEntries(new Headers(sent.headers))
  const version = headers['mcp-protocol-version']
  if (version !== era) throw new Error(`the server speaks ${version} instead of ${era}`)
  const { id: _, ...message } = JSON.parse(String(sent.body))
  return { headers, bodyStart: `${JSON.stringify(message).slice(0, -1)},"id":` }
}
