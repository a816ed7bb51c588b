import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool } from '@mcp-prod/tools'
import { z } from 'zod'

/** The tool that the replicas are given: as slow as the caller wants, and its answer can be verified. */
export const digestLater = defineTool({
  name: 'digest_later',
  title: 'Digest later',
  description: 'The SHA-256 of a text, after as many milliseconds as asked for.',
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({ text: z.string().max(20_000), durationMs: z.int().min(5).max(3_000) }),
  output: z.object({ sha256: z.string(), pid: z.int() }),
  timeoutMs: 10_000,
  async run({ text, durationMs }, { signal, progress }) {
    // For who asks to be told, the answer begins here, as a stream.
    await progress(0, 1)
    await sleep(durationMs, undefined, { signal })
    return { sha256: createHash('sha256').update(text).digest('hex'), pid: process.pid }
  },
})
