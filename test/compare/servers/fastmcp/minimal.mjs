import { FastMCP } from 'fastmcp'
import { z } from 'zod'

const server = new FastMCP({ name: 'minimal', version: '1.0.0' })
server.addTool({
  name: 'echo',
  parameters: z.object({ text: z.string() }),
  execute: async ({ text }) => text,
})
server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(process.env.PORT), host: '127.0.0.1' },
})
