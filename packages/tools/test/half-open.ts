/**
 * Runs in a network of its own. A client opens a stream; then the network is gone, and after it the client, so that neither
 * FIN nor RST reaches the server. Says for how long the stream's place was taken. Argument: the server's `maxSubscriptionIdleMs`.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import { createToolServer, toolHandler } from '../src/index.js'
import { listenCall } from './listen-call.js'

const CLIENT = `
const [url, body, headers] = process.argv.slice(1)
const response = await fetch(url, { method: 'POST', body, headers: JSON.parse(headers) })
console.log(response.status)
for await (const chunk of response.body) void chunk
`

execFileSync('ip', ['link', 'set', 'lo', 'up'])
// How often the kernel sends unacknowledged bytes again: about seven seconds, where 15 times are a quarter of an hour.
writeFileSync('/proc/sys/net/ipv4/tcp_retries2', '3')
const maxSubscriptionIdleMs = Number(process.argv[2])
const mcp = toolHandler(createToolServer([], { name: 'test', version: '1.0.0' }), {
  keepAliveMs: 100,
  maxSubscriptionIdleMs,
})
const server = express().post('/mcp', mcp.middleware).listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const { body, headers } = listenCall()
const fields = {
  ...headers,
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
}
const script = ['--input-type=module', '-e', CLIENT, `http://127.0.0.1:${port}/mcp`]
const client = spawn(process.execPath, [...script, JSON.stringify(body), JSON.stringify(fields)])
const [status] = await once(client.stdout, 'data')
const { open } = mcp.subscriptions
execFileSync('ip', ['link', 'set', 'lo', 'down'])
client.kill('SIGKILL')
await once(client, 'exit')
const begun = performance.now()
while (mcp.subscriptions.open > 0 && performance.now() - begun < 60_000) await sleep(20)
const tookMs = performance.now() - begun
const said = { status: Number(status), open, left: mcp.subscriptions.open, tookMs }
process.stdout.write(JSON.stringify(said), () => process.exit())
