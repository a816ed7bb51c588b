import { createServer as createHttps } from 'node:https'
import type { AddressInfo, Server } from 'node:net'
import type { TLSSocket } from 'node:tls'
import express from 'express'
import { createServer } from '../src/index.js'

/** A server with clientCa, and beside it one that trusts the process's own roots; prints their ports, and nothing else. */
const { key = '', cert = '', clientCa = '' } = JSON.parse(process.argv[2] ?? '{}')
const app = express()
app.get('/', (req, res) => void res.json((req.socket as TLSSocket).authorized))
const server = createServer(app, { tls: { key, cert, clientCa } })
const optional = { key, cert, requestCert: true, rejectUnauthorized: false }
const control = createHttps(optional, (req, res) => {
  res.end(JSON.stringify((req.socket as TLSSocket).authorized))
})

async function portOf(listening: Server): Promise<number> {
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return (listening.address() as AddressInfo).port
}

process.stdout.write(`${JSON.stringify([await portOf(server), await portOf(control)])}\n`)
// The one who started it is gone.
process.stdin.resume().once('end', () => process.exit(0))
