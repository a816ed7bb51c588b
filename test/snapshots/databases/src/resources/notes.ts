import { defineResourceTemplate, ResourceNotFoundError, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { notes as kept, noteName, noteUri, ownerOf, whileRedisAnswers } from '../notes.js'

/** Shows a resource that is another one for each caller, and that clients subscribe to: remember says when it changes. */
export const notes = defineResourceTemplate({
  name: 'note',
  title: 'Note',
  description: 'A note that the caller has kept with remember.',
  uriTemplate: 'note://{owner}/{name}',
  variables: z.object({ owner: z.string(), name: noteName }),
  mimeType: 'text/plain',
  scopes: ['notes:read'],
  timeoutMs: 5_000,
  // Whoever knows the URI of another's note is told that there is none.
  permits: ({ variables }, principal) => variables.owner === ownerOf(principal),
  async list(_page, { services, principal, log }) {
    // While Redis is away there are other resources to list.
    const names = await whileRedisAnswers(log, () => kept.names(services.redis, principal)).catch(
      (error: unknown) => {
        if (error instanceof ToolError) return []
        throw error
      },
    )
    return names.sort().map((name) => ({ uri: noteUri(principal, name), name }))
  },
  async run({ uri, variables }, { services, principal, log }) {
    const note = await whileRedisAnswers(log, () =>
      kept.read(services.redis, principal, variables.name),
    )
    if (note === null) throw new ResourceNotFoundError(uri)
    return note.text
  },
})
