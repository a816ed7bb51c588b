import type { CallToolResult } from '@modelcontextprotocol/server'
import { isCallToolResult } from '@modelcontextprotocol/server'
import { asksClient } from './asks-client.js'
import type { Tool } from './define.js'
import { issuesOf } from './issues.js'
import { validate } from './validate.js'

/** An answer that says in words what went wrong, for the model to read and act on. */
export function errorResult(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true }
}

/**
 * Turns what a tool returned into a result. With an output schema the value is validated and cut to it, so that
 * a field nobody declared cannot slip out.
 *
 * @throws Error when the value does not fit the schema: the tool's fault, to be masked.
 */
export async function toResult(tool: Tool, value: unknown): Promise<CallToolResult> {
  // A request for more input (2026-07-28) is no answer yet, so the output schema has no say.
  if (asksClient(value)) return value as unknown as CallToolResult
  if (tool.output === undefined) {
    if (typeof value === 'string') return { content: [{ type: 'text', text: value }] }
    // Found out here, where it can still be masked: later the SDK would answer with its text, or not at all.
    if (!isCallToolResult(value) || !Array.isArray(value.content)) {
      throw new Error(`tool "${tool.name}" returned neither text nor a CallToolResult`)
    }
    JSON.stringify(value)
    return value
  }
  const parsed = await validate(tool.output, value)
  if (parsed.issues)
    throw new Error(
      `output of tool "${tool.name}" does not fit its schema: ${issuesOf(tool.output, parsed.issues)}`,
    )
  const structuredContent = parsed.value as Record<string, unknown>
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent }
}
