import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool } from '@mcp-prod/tools'
import { z } from 'zod'

/** Shows how a long tool behaves: it reports progress and stops as soon as nobody waits for it. */
export const countdown = defineTool({
  name: 'countdown',
  title: 'Countdown',
  description:
    'Waits some seconds, telling each one that passes. For trying out progress and cancellation.',
  annotations: { readOnlyHint: true, idempotentHint: true, openWorldHint: false },
  input: z.object({ seconds: z.int().min(1).max(10).describe('how long to wait') }),
  output: z.object({ waitedSeconds: z.int() }),
  timeoutMs: 12_000,
  async run({ seconds }, { signal, progress }) {
    for (let passed = 1; passed <= seconds; passed++) {
      await sleep(1000, undefined, { signal })
      await progress(passed, seconds)
    }
    return { waitedSeconds: seconds }
  },
})
