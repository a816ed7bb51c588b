/** Serves one tool and says on request what is in use after a collection. Started with `--expose-gc`. */
import { createToolServer, defineTool, toolHandler } from '@mcp-prod/sdk-v1'
import express from 'express'
import * as z from 'zod'

const collect = globalThis.gc
if (!collect) throw new Error('run with --expose-gc')
const tool = defineTool({
  name: 'tool',
  description: 'Answers',
  input: z.object({ text: z.string() }),
  output: z.object({ text: z.string() }),
  run: ({ text }) => ({ text }),
})
const server = createToolServer([tool], { name: 'memory', version: '1.0.0' })
const app = express().all('/mcp', toolHandler(server).middleware)
const listener = app.listen(0, '127.0.0.1', () => process.send?.(listener.address()))
process.on('message', () => {
  // Twice: what the first one finalises, the second one frees.
  collect()
  setTimeout(() => {
    collect()
    process.send?.(process.memoryUsage())
  }, 200)
})
