import { MCPServer, MCPTool } from 'mcp-framework'
import { z } from 'zod'

class EchoTool extends MCPTool {
  name = 'echo'
  description = 'Says what it hears.'
  schema = z.object({ text: z.string().describe('what to say') })
  async execute({ text }) {
    return text
  }
}

const server = new MCPServer({
  transport: { type: 'http-stream', options: { port: Number(process.env.PORT) } },
})
server.addTool(EchoTool)
await server.start()
