import { defineTool, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { noteName, notes, whileRedisAnswers } from '../notes.js'

export const recall = defineTool({
  name: 'recall',
  title: 'Recall',
  description: 'Gives back a note that this caller has kept with remember.',
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({ name: noteName }),
  output: z.object({ text: z.string() }),
  scopes: ['notes:read'],
  timeoutMs: 5_000,
  async run({ name }, { services, principal, log }) {
    const note = await whileRedisAnswers(log, () => notes.read(services.redis, principal, name))
    if (note === null) throw new ToolError(`There is no note ${name}`)
    return { text: note.text }
  },
})
