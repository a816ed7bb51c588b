import { defineTool, inputRequired, inputResponse, type RunContext } from '@mcp-prod/tools'
import { z } from 'zod'

type Form = Parameters<typeof inputRequired.elicit>[0]

async function elicited(
  { inputResponses, requireInput }: RunContext,
  form: Form,
  begins = 'Elicitation completed',
) {
  const answer = inputResponse(inputResponses, 'answer')
  if (answer.kind !== 'elicit')
    return requireInput({ inputRequests: { answer: inputRequired.elicit(form) } })
  return `${begins}: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`
}

const titled = (word: string) =>
  ['First', 'Second', 'Third'].map((rank, index) => ({
    const: `value${index + 1}`,
    title: `${rank} ${word}`,
  }))
const options = ['option1', 'option2', 'option3']

/** What the conformance suite calls for sampling and elicitation in a session (2025-11-25). */
export const legacyInputTools = [
  defineTool({
    name: 'test_sampling',
    description: 'Asks the client’s model',
    input: z.object({ prompt: z.string() }),
    run({ prompt }, { inputResponses, requireInput }) {
      const answer = inputResponse(inputResponses, 'answer')
      if (answer.kind === 'sampling') {
        const { content } = answer.result as { content: { text?: string } }
        return `LLM response: ${content.text}`
      }
      const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: prompt } }]
      const question = inputRequired.createMessage({ messages, maxTokens: 100 })
      return requireInput({ inputRequests: { answer: question } })
    },
  }),
  defineTool({
    name: 'test_elicitation',
    description: 'Asks the user',
    input: z.object({ message: z.string() }),
    run: ({ message }, context) =>
      elicited(
        context,
        {
          message,
          requestedSchema: z.object({ response: z.string().describe("User's response") }),
        },
        'User response',
      ),
  }),
  defineTool({
    name: 'test_elicitation_sep1034_defaults',
    description: 'Asks with defaults',
    input: z.object({}),
    run: (_input, context) =>
      elicited(context, {
        message: 'Please review and update the form fields with defaults',
        requestedSchema: {
          type: 'object',
          properties: {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
          required: [],
        },
      }),
  }),
  defineTool({
    name: 'test_elicitation_sep1330_enums',
    description: 'Asks with every kind of choice',
    input: z.object({}),
    run: (_input, context) =>
      elicited(context, {
        message: 'Please select options from the enum fields',
        requestedSchema: {
          type: 'object',
          properties: {
            untitledSingle: { type: 'string', enum: options },
            titledSingle: { type: 'string', oneOf: titled('Option') },
            legacyEnum: {
              type: 'string',
              enum: ['opt1', 'opt2', 'opt3'],
              enumNames: ['Option One', 'Option Two', 'Option Three'],
            },
            untitledMulti: {
              type: 'array',
              minItems: 1,
              maxItems: 3,
              items: { type: 'string', enum: options },
            },
            titledMulti: {
              type: 'array',
              minItems: 1,
              maxItems: 3,
              items: { anyOf: titled('Choice') },
            },
          },
          required: [],
        },
      }),
  }),
]
