import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestOptions, request, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import express from 'express'
import { afterAll, afterEach } from 'vitest'
import {
  type AuthInfo,
  authenticate,
  authOf,
  type ClientCertificate,
  clientCertificates,
  type TokenVerifier,
} from '../src/index.js'
import { someone } from './serve.js'

const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-auth-'))
afterAll(() => rmSync(folder, { recursive: true }))
const closers: (() => void)[] = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

export interface Pair {
  key: string
  cert: string
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
const NAME = ['-utf8', '-multivalue-rdn', '-subj']
/** How the README has a subject printed. */
export const NAME_FORMAT = 'RFC2253,-esc_msb,-dump_unknown'
/** An attribute that openssl has no name for, under one that only the request knows. */
const CONFIG = `oid_section = oids
[oids]
nameless = 1.2.3.4.5
[req]
distinguished_name = none
[none]
`
writeFileSync(join(folder, 'request.cnf'), CONFIG)
const files = new Map<string, string>()
let made = 0

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, stdio: 'pipe', encoding: 'utf8' })
}

/** A certificate that signs itself, and may sign others. */
export function selfSigned(subject: string): Pair {
  const name = String(made++)
  const out = ['-keyout', `${name}.key`, '-out', `${name}.pem`, '-days', '2']
  openssl('req', '-x509', ...KEY, ...out, ...NAME, subject)
  return read(name)
}

/** @param subject as `openssl req -subj` takes it: `/C=SE/O=Acme/CN=ci+UID=7` */
export function signedBy(issuer: Pair, subject: string, days = 2): Pair {
  const name = String(made++)
  const files = ['-keyout', `${name}.key`, '-out', `${name}.csr`]
  openssl('req', '-config', 'request.cnf', ...KEY, ...files, ...NAME, subject)
  const by = ['-CA', fileOf(issuer.cert), '-CAkey', fileOf(issuer.key), '-CAcreateserial']
  openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-days', String(days), ...by)
  return read(name)
}

/** What the command of the README prints. */
export function printedSubject({ cert }: Pair): string {
  const format = ['-nameopt', NAME_FORMAT]
  const line = openssl('x509', '-in', fileOf(cert), '-noout', '-subject', ...format)
  return line.replace(/^subject=/, '').replace(/\n$/, '')
}

function read(name: string): Pair {
  const [key, cert] = [`${name}.key`, `${name}.pem`].map((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    files.set(text, file)
    return text
  }) as [string, string]
  return { key, cert }
}

function fileOf(text: string): string {
  return files.get(text) ?? ''
}

let own: Pair | undefined

/** An HTTPS server that asks for certificates of `ca`, takes the bearer token `good`, and answers whom it saw. */
export async function serveTls(
  ca: Pair,
  list: readonly ClientCertificate[],
  options: ServerOptions = {},
  verify: TokenVerifier = (token) => (token === 'good' ? someone() : undefined),
) {
  const app = express()
  const certificates = clientCertificates(list)
  app.use(authenticate(verify, { certificates }), (req, res) => {
    res.json(authOf(req))
    // What a handler does to its own caller must not be there for the next one.
    authOf(req)?.scopes.push('admin')
  })
  own ??= selfSigned('/CN=localhost')
  const asks = { requestCert: true, rejectUnauthorized: false, ca: ca.cert }
  const server = createServer({ ...own, ...asks, ...options }, app).listen(0, '127.0.0.1')
  closers.push(() => {
    server.close()
    server.closeAllConnections()
  })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  /** A request on a connection of its own. */
  const ask = async (client: RequestOptions & ConnectionOptions = {}) => {
    const to = { host: '127.0.0.1', port, rejectUnauthorized: false, agent: false } as const
    const req = request({ ...to, ...client }).end()
    const socket = once(req, 'socket') as Promise<[TLSSocket]>
    const [res] = await once(req, 'response')
    const body = (await json(res)) as Partial<AuthInfo>
    return { status: res.statusCode as number, body, socket: (await socket)[0] }
  }
  return { server, port, ask }
}
