import { definePrompt } from '@mcp-prod/tools'
import { z } from 'zod'
import { sampleNames } from '../samples.js'

/** Shows a prompt: a person picks it in a client, and it names what the model is to use. */
export const describeSample = definePrompt({
  name: 'describe_sample',
  title: 'Describe a sample',
  description: 'Says in plain words what the numbers of a sample have in common.',
  input: z.object({
    sample: z.enum(sampleNames as [string, ...string[]]).describe('name of the sample'),
  }),
  scopes: ['stats:read'],
  timeoutMs: 2_000,
  run: ({ sample }) =>
    `Read the resource sample://${sample}, call summarize_numbers with its numbers, and describe in three plain sentences what they have in common.`,
})
