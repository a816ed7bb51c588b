import { createToolServer, toolHandler } from '@mcp-prod/tools'
import express from 'express'
import { prompts } from './prompts.js'
import { resources } from './resources.js'
import { tools } from './tools.js'

// The suite's fixtures by themselves, without a session: `PORT=3000 npx tsx server.ts`.

const server = createToolServer(tools, {
  name: 'conformance',
  version: '1.0.0',
  resources,
  prompts,
  logger: console,
})
const app = express()
// The suite probes it from foreign names.
app.use('/mcp', (req, res, next) => {
  const { host = '', origin } = req.headers
  const local = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/
  if (local.test(host) && (!origin || local.test(new URL(origin).host))) return next()
  res.status(403).json({ jsonrpc: '2.0', id: null, error: { code: 403, message: 'Forbidden' } })
})
app.all('/mcp', toolHandler(server).middleware)
app.listen(Number(process.env.PORT), '127.0.0.1')
