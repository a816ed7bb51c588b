/** Tools that break in a way of their own; laid over the list of the generated server. */
export const breakingTools = `
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool, type Tool, ToolError } from '@mcp-prod/tools'
import { z } from 'zod'
import { summarizeNumbers } from './summarize-numbers.js'

const annotations = { readOnlyHint: true }
let running = 0

const work = defineTool({
  name: 'work',
  description: 'Takes so long; beyond so many at once it fails, or takes longer.',
  annotations,
  input: z.object({
    ms: z.int(),
    failAbove: z.int().default(1_000),
    slowAbove: z.int().default(1_000),
    slowMs: z.int().default(0),
  }),
  async run({ ms, failAbove, slowAbove, slowMs }) {
    running++
    try {
      if (running > failAbove) throw new ToolError('the mailbox is full')
      await sleep(running > slowAbove ? slowMs : ms)
      return 'done'
    } finally {
      running--
    }
  },
})

let turn: Promise<unknown> = Promise.resolve()
const queue = defineTool({
  name: 'queue',
  description: 'One after the other, however many ask.',
  annotations,
  input: z.object({ ms: z.int() }),
  async run({ ms }) {
    turn = turn.then(() => sleep(ms))
    await turn
    return 'done'
  },
})

const narrow = defineTool({
  name: 'narrow',
  description: 'Has room for one call in the whole process.',
  annotations,
  maxConcurrent: 1,
  input: z.object({ ms: z.int() }),
  async run({ ms }) {
    await sleep(ms)
    return 'done'
  },
})

const send = defineTool({
  name: 'send',
  description: 'Does not say that it only reads.',
  input: z.object({}),
  run: () => 'sent',
})

export const tools: readonly Tool[] = [summarizeNumbers, work, queue, narrow, send]
`
