import { ProtocolError, ProtocolErrorCode } from '@modelcontextprotocol/server'
import type { Work } from './attempt.js'
import type { Tool } from './define.js'
import type { Answer } from './events.js'
import { cut, issuesOf } from './issues.js'
import { errorResult, toResult } from './result.js'
import { validate as validateBy } from './validate.js'

/** A call of a tool: what is expected to go wrong is said in a result, for the model to read and act on. */
export function toolWork(tool: Tool, args: unknown): Work {
  const refuse: Work['refuse'] = (outcome, text) => ({ outcome, result: errorResult(text) })
  return {
    what: `Tool ${tool.name}`,
    definition: tool,
    scopes: tool.scopes,
    subject: { method: 'tools/call', name: tool.name, input: args ?? {} },
    async validate() {
      const input = await validateBy(tool.input, args ?? {})
      if (!input.issues) return { input: input.value }
      const text = `Invalid arguments for tool ${tool.name}: ${issuesOf(tool.input, input.issues)}`
      return { refused: refuse('invalid_input', text, ProtocolErrorCode.InvalidParams) }
    },
    run: (input, context) => tool.run(input, context),
    async toResult(value) {
      const result = await toResult(tool, value)
      return { outcome: result.isError ? 'tool_error' : 'ok', result }
    },
    refuse,
  }
}

/** Answered to a call of a tool that there is not. */
export function unknownTool(name: string): Answer {
  const error = new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown tool: ${cut(name)}`)
  return { outcome: 'unknown_tool', error }
}
