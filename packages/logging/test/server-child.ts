// Run as a process of its own by stream.test.ts: logs to stdout, prints its port to stderr, tells what it lost.
import type { AddressInfo } from 'node:net'
import express from 'express'
import { createLogger, requestLog } from '../src/index.js'

const logger = createLogger()
const padding = 'x'.repeat(8000)
const app = express().use(requestLog(logger))
app.get('/', (_req, res) => {
  for (let i = 0; i < 10; i++) logger.info('line', { i, padding })
  res.json({ dropped: logger.dropped, rss: process.memoryUsage().rss })
})
const server = app.listen(0, '127.0.0.1', () => {
  process.stderr.write(`${(server.address() as AddressInfo).port}\n`)
})
