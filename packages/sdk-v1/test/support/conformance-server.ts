import { createToolServer, toolHandler } from '@mcp-prod/sdk-v1'
import { sessionHandler } from '@mcp-prod/sessions'
import express from 'express'
import { prompts } from '../../../tools/test/support/conformance/prompts.js'
import { resources } from '../../../tools/test/support/conformance/resources.js'
import { tools } from '../../../tools/test/support/conformance/tools.js'

// The conformance suite's fixtures by SDK v1: `PORT=3000 npx tsx conformance-server.ts`, with `SESSIONS=1` also sessions.

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
if (process.env.SESSIONS)
  app.all('/mcp', sessionHandler(server, { dangerouslyAllowAnonymous: true }).middleware)
app.all('/mcp', toolHandler(server).middleware)
app.listen(Number(process.env.PORT), '127.0.0.1')
