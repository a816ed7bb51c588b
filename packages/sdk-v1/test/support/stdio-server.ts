import { createToolServer, defineTool, serveStdio } from '@mcp-prod/sdk-v1'
import * as z from 'zod'

const echo = defineTool({
  name: 'echo',
  description: 'Says it again',
  input: z.object({ text: z.string() }),
  run: ({ text }) => `${text}, over stdio`,
})
const options = { name: 'stdio', version: '1.0.0', dangerouslyIgnoreScopes: true }
serveStdio(createToolServer([echo], options))
