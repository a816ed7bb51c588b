import { defineTool, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { noteName, notes, noteUri, whileRedisAnswers } from '../notes.js'

export const remember = defineTool({
  name: 'remember',
  title: 'Remember',
  description:
    'Keeps a note under a name, for this caller alone. It replaces one of the same name.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
  input: z.object({
    name: noteName,
    text: z.string().min(1).max(2_000).describe('the note'),
  }),
  output: z.object({ name: z.string() }),
  scopes: ['notes:write'],
  weight: 2,
  timeoutMs: 5_000,
  async run({ name, text }, { services, principal, log, notify }) {
    const kept = await whileRedisAnswers(log, () =>
      notes.write(services.redis, principal, name, text),
    )
    if (!kept) throw new ToolError('There are too many notes already; replace one of them')
    notify.resourceUpdated(noteUri(principal, name))
    return { name }
  },
})
