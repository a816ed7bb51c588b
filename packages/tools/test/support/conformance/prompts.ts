import { acceptedContent, definePrompt, inputRequired } from '@mcp-prod/tools'
import { z } from 'zod'
import { PIXEL } from './media.js'

const user = 'user' as const
const cities = ['paris', 'park', 'party']

/** What the conformance suite asks for. */
export const prompts = [
  definePrompt({
    name: 'test_simple_prompt',
    description: 'A simple prompt without arguments',
    run: () => 'This is a simple prompt for testing.',
  }),
  definePrompt({
    name: 'test_prompt_with_arguments',
    description: 'A prompt with required arguments',
    input: z.object({
      arg1: z.string().describe('First test argument'),
      arg2: z.string().describe('Second test argument'),
    }),
    complete: { arg1: (typed) => cities.filter((city) => city.startsWith(typed)) },
    run: ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  }),
  definePrompt({
    name: 'test_prompt_with_embedded_resource',
    description: 'A prompt that includes an embedded resource',
    input: z.object({ resourceUri: z.string().describe('URI of the resource to embed') }),
    run: ({ resourceUri: uri }) => ({
      messages: [
        {
          role: user,
          content: {
            type: 'resource',
            resource: {
              uri,
              mimeType: 'text/plain',
              text: 'Embedded resource content for testing.',
            },
          },
        },
        { role: user, content: { type: 'text', text: 'Please process the resource above.' } },
      ],
    }),
  }),
  definePrompt({
    name: 'test_prompt_with_image',
    description: 'A prompt that includes image content',
    run: () => ({
      messages: [
        { role: user, content: { type: 'image', data: PIXEL, mimeType: 'image/png' } },
        { role: user, content: { type: 'text', text: 'Please analyze the image above.' } },
      ],
    }),
  }),
  definePrompt({
    name: 'test_input_required_result_prompt',
    description: 'A prompt that asks its user first',
    run(_input, { inputResponses, requireInput }) {
      const schema = z.object({ context: z.string() })
      const told = acceptedContent(inputResponses, 'user_context', schema)
      if (told) return `Prompt with context: ${told.context}`
      const ask = { message: 'What context should the prompt use?', requestedSchema: schema }
      return requireInput({ inputRequests: { user_context: inputRequired.elicit(ask) } })
    },
  }),
]
