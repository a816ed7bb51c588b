import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool, inputRequired, ToolError } from '@mcp-prod/tools'
import { fromJsonSchema } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { PIXEL, SILENCE } from './media.js'

const input = z.object({})
const image = { type: 'image' as const, data: PIXEL, mimeType: 'image/png' }
const embedded = (uri: string, mimeType: string, text: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text },
})

/** What the conformance suite calls for each kind of content and notification. */
export const contentTools = [
  defineTool({
    name: 'test_simple_text',
    description: 'Answers a text',
    input,
    run: () => 'This is a simple text response for testing.',
  }),
  defineTool({
    name: 'test_image_content',
    description: 'Answers an image',
    input,
    run: () => ({ content: [image] }),
  }),
  defineTool({
    name: 'test_audio_content',
    description: 'Answers audio',
    input,
    run: () => ({ content: [{ type: 'audio' as const, data: SILENCE, mimeType: 'audio/wav' }] }),
  }),
  defineTool({
    name: 'test_embedded_resource',
    description: 'Answers a resource',
    input,
    run: () => ({
      content: [
        embedded('test://embedded-resource', 'text/plain', 'This is an embedded resource content.'),
      ],
    }),
  }),
  defineTool({
    name: 'test_multiple_content_types',
    description: 'Answers a text, an image and a resource',
    input,
    run: () => ({
      content: [
        { type: 'text' as const, text: 'Multiple content types test:' },
        image,
        embedded(
          'test://mixed-content-resource',
          'application/json',
          '{"test":"data","value":123}',
        ),
      ],
    }),
  }),
  defineTool({
    name: 'test_tool_with_logging',
    description: 'Sends lines to the client',
    input,
    async run(_input, { clientLog }) {
      for (const line of [
        'Tool execution started',
        'Tool processing data',
        'Tool execution completed',
      ]) {
        await clientLog('info', line)
        await sleep(50)
      }
      return 'Tool with logging executed successfully'
    },
  }),
  defineTool({
    name: 'test_logging_tool',
    description: 'Sends a line to a client that asked for lines',
    input,
    async run(_input, { clientLog }) {
      await clientLog('info', 'A line')
      return 'logged'
    },
  }),
  defineTool({
    name: 'test_tool_with_progress',
    description: 'Tells its progress',
    input,
    async run(_input, { progress }) {
      for (const done of [0, 50, 100]) {
        await progress(done, 100, `Completed step ${done} of 100`)
        await sleep(50)
      }
      return 'done'
    },
  }),
  defineTool({
    name: 'test_streaming_elicitation',
    description: 'Tells its progress, then asks',
    input,
    async run(_input, { progress, requireInput }) {
      await progress(1, 2)
      const requestedSchema = z.object({ answer: z.string() })
      const elicit = inputRequired.elicit({ message: 'Go on?', requestedSchema })
      return requireInput({ inputRequests: { answer: elicit } })
    },
  }),
  defineTool({
    name: 'test_error_handling',
    description: 'Fails',
    input,
    run() {
      throw new ToolError('This tool intentionally returns an error for testing')
    },
  }),
  defineTool({
    name: 'test_trigger_tool_change',
    description: 'Says that the list of tools changed',
    input,
    run(_input, { notify }) {
      notify.toolsChanged()
      return 'said'
    },
  }),
  defineTool({
    name: 'test_trigger_prompt_change',
    description: 'Says that the list of prompts changed',
    input,
    run(_input, { notify }) {
      notify.promptsChanged()
      return 'said'
    },
  }),
  defineTool({
    name: 'test_custom_header',
    description: 'Has an argument that is mirrored in a header',
    input: z.object({ region: z.string().meta({ 'x-mcp-header': 'Region' }) }),
    run: ({ region }) => region,
  }),
  defineTool({
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    input: fromJsonSchema({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    }),
    run: (args) => `JSON Schema 2020-12 tool called with: ${JSON.stringify(args)}`,
  }),
]
