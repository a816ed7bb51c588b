import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer } from 'node:tls'
import { afterAll, expect, it } from 'vitest'
import { secret, watchConfig } from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
const at = (name: string) => join(folder, name)
afterAll(() => rmSync(folder, { recursive: true }))

/** Makes a certificate of its own and its key, as `<name>.cert` and `<name>.key`. */
function certify(name: string): void {
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const files = ['-nodes', '-keyout', at(`${name}.key`), '-out', at(`${name}.cert`)]
  const subject = ['-days', '2', '-subj', `/CN=${name}`]
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...subject], { stdio: 'ignore' })
}

function put(name: string, part: 'cert' | 'key'): void {
  copyFileSync(at(`${name}.${part}`), at('new'))
  renameSync(at('new'), at(`tls.${part}`))
}

/** The name in the certificate that a new connection is shown. */
async function shown(port: number) {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return subject.CN
}

it('changes the certificate of a server that runs, and keeps the old one until its key is there', async () => {
  certify('first')
  certify('second')
  put('first', 'cert')
  put('first', 'key')
  const told: unknown[] = []
  const watch = watchConfig(
    { TLS_CERT: secret(), TLS_KEY: secret() },
    {
      env: { TLS_CERT_FILE: at('tls.cert'), TLS_KEY_FILE: at('tls.key') },
      onChange(config, changed) {
        server.setSecureContext({ cert: config.TLS_CERT, key: config.TLS_KEY })
        told.push(changed)
      },
      onFault: (error) => told.push(error),
      onError: (error) => told.push((error as { code?: unknown }).code),
    },
  )
  const server = createServer({ cert: watch.config.TLS_CERT, key: watch.config.TLS_KEY })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  try {
    expect(await shown(port)).toBe('first')
    put('second', 'cert')
    await watch.check()
    expect(told.splice(0)).toEqual(['ERR_OSSL_X509_KEY_VALUES_MISMATCH'])
    expect(await shown(port)).toBe('first')
    put('second', 'key')
    await watch.check()
    expect(told.splice(0)).toEqual([['TLS_CERT', 'TLS_KEY']])
    expect(await shown(port)).toBe('second')
  } finally {
    watch.close()
    server.close()
  }
})
