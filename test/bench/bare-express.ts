import express from 'express'
import { input, run } from './tools.js'

// The least that Express can do for the same answer: no protocol, only the body, the schema and the tool.
const app = express()
app.use(express.json({ limit: '4mb' }))
app.all('/mcp', (req, res) => {
  const structuredContent = run(input.parse(req.body.params.arguments))
  const content = [{ type: 'text', text: JSON.stringify(structuredContent) }]
  res.json({ jsonrpc: '2.0', id: req.body.id, result: { content, structuredContent } })
})
app.listen(Number(process.env.PORT), '127.0.0.1')
