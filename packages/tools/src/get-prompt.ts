import {
  type GetPromptResult,
  isSpecType,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'
import { asksClient } from './asks-client.js'
import type { Work } from './attempt.js'
import type { Prompt } from './define-prompt.js'
import type { Answer } from './events.js'
import { cut, issuesOf } from './issues.js'
import { refuseByError } from './read.js'
import { validate as validateBy } from './validate.js'

/** A prompt that is asked for. What is expected to go wrong is a JSON-RPC error. */
export function promptWork(prompt: Prompt, args: unknown): Work {
  return {
    what: `Prompt ${prompt.name}`,
    definition: prompt,
    scopes: prompt.scopes,
    subject: { method: 'prompts/get', name: prompt.name, input: args ?? {} },
    async validate() {
      if (!prompt.input) return { input: {} }
      const input = await validateBy(prompt.input, args ?? {})
      if (!input.issues) return { input: input.value }
      const text = `Invalid arguments for prompt ${prompt.name}: ${issuesOf(prompt.input, input.issues)}`
      return { refused: refuseByError('invalid_input', text, ProtocolErrorCode.InvalidParams) }
    },
    run: (input, context) => prompt.run(input, context),
    toResult: (value) => ({ outcome: 'ok', result: messagesOf(prompt, value) }),
    refuse: refuseByError,
  }
}

/** Answered to a request for a prompt that there is not. */
export function unknownPrompt(name: string): Answer {
  const error = new ProtocolError(ProtocolErrorCode.InvalidParams, `Unknown prompt: ${cut(name)}`)
  return { outcome: 'not_found', error }
}

function messagesOf({ name, description }: Prompt, value: unknown): object {
  if (asksClient(value)) return value
  const described = { ...(description !== undefined && { description }) }
  if (typeof value === 'string') {
    return { ...described, messages: [{ role: 'user', content: { type: 'text', text: value } }] }
  }
  // Found out here, where it can still be masked.
  if (!isSpecType.GetPromptResult(value))
    throw new Error(`prompt "${name}" returned neither text nor a GetPromptResult`)
  JSON.stringify(value)
  return { ...described, ...(value as GetPromptResult) }
}
