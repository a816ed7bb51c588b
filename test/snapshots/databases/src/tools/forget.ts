import { acceptedContent, defineTool, inputRequired, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { noteName, notes, noteUri, whileRedisAnswers } from '../notes.js'

const answer = z.object({ confirmed: z.boolean().describe('whether the note may go') })

/** Shows a tool that asks a person before it does what cannot be undone: the client calls again with the answer. */
export const forget = defineTool({
  name: 'forget',
  title: 'Forget',
  description: 'Deletes a note of this caller for good, once a person has agreed.',
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true },
  input: z.object({ name: noteName }),
  output: z.object({ forgotten: z.boolean() }),
  scopes: ['notes:write'],
  weight: 2,
  timeoutMs: 5_000,
  async run({ name }, context) {
    const { services, principal, log, notify, inputResponses, requestState, requireInput } = context
    // Signed, and good for this caller and this note alone: nobody answers what was not asked. The caller can read it, and may
    // hold no scope to read notes.
    if (typeof requestState !== 'string') {
      const note = await whileRedisAnswers(log, () => notes.read(services.redis, principal, name))
      if (note === null) throw new ToolError(`There is no note ${name}`)
      const message = `Delete the note ${name}?`
      const agreed = inputRequired.elicit({ message, requestedSchema: answer })
      return requireInput({ inputRequests: { agreed }, state: note.version })
    }
    if (!acceptedContent(inputResponses, 'agreed', answer)?.confirmed) return { forgotten: false }
    const gone = await whileRedisAnswers(log, () =>
      notes.forget(services.redis, principal, name, requestState),
    )
    if (!gone) throw new ToolError(`The note ${name} has changed since; ask again`)
    notify.resourceUpdated(noteUri(principal, name))
    return { forgotten: true }
  },
})
