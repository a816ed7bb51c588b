import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** Real keys and certificates, made by openssl into a folder that goes after the tests. */
const folder = mkdtempSync(join(tmpdir(), 'mcp-prod-tls-'))
afterAll(() => rmSync(folder, { recursive: true }))

export interface Identity {
  key: string
  cert: string
  keyFile: string
  certFile: string
  fingerprint: string
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
/** Of `openssl ca`, which alone can date a certificate into the past. */
const CONFIG = `[ca]
default_ca = any
[any]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = names
rand_serial = yes
unique_subject = no
[names]
commonName = supplied
`
let made = 0

export function fileOf(name: string): string {
  return join(folder, name)
}

export function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { cwd: folder, stdio: 'pipe', encoding: 'utf8' })
}

/** Signed by itself; as openssl is configured, such a certificate may also sign others. */
export function selfSigned(subject: string, ...args: string[]): Identity {
  const [keyFile, certFile] = files()
  const out = ['-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', subject]
  openssl('req', '-x509', ...(args.length > 0 ? args : EC), ...out)
  return identity(keyFile, certFile)
}

export interface Signing {
  /** As `openssl ca` writes time. */
  from?: string
  to?: string
  extensions?: string
}

export function signedBy(issuer: Identity, subject: string, signing: Signing = {}): Identity {
  const { from = '20200101000000Z', to = '20990101000000Z', extensions = '' } = signing
  const [keyFile, certFile] = files()
  const requestFile = `${certFile}.csr`
  openssl('req', ...EC, '-keyout', keyFile, '-out', requestFile, '-subj', subject)
  writeFileSync(fileOf('ca.cnf'), CONFIG)
  writeFileSync(fileOf('index.txt'), '')
  writeFileSync(fileOf('extensions.cnf'), extensions)
  const by = ['-cert', issuer.certFile, '-keyfile', issuer.keyFile]
  const what = ['-in', requestFile, '-out', certFile, '-startdate', from, '-enddate', to]
  const how = ['-batch', '-notext', '-config', 'ca.cnf', '-extfile', 'extensions.cnf']
  openssl('ca', ...how, ...by, ...what)
  return identity(keyFile, certFile)
}

function files(): [string, string] {
  const number = made++
  return [fileOf(`${number}.key`), fileOf(`${number}.crt`)]
}

function identity(keyFile: string, certFile: string): Identity {
  const [key, cert] = [readFileSync(keyFile, 'utf8'), readFileSync(certFile, 'utf8')]
  return { key, cert, keyFile, certFile, fingerprint: new X509Certificate(cert).fingerprint256 }
}
