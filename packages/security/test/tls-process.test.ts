import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Identity, selfSigned, signedBy } from './certificates.js'
import { ask, converse } from './tls-client.js'

const CHILD = fileURLToPath(new URL('./tls-child.ts', import.meta.url))
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
})

let own: Identity
let ca: Identity
let systemCa: Identity
beforeAll(() => {
  own = selfSigned('/CN=localhost')
  ca = selfSigned('/CN=clients')
  systemCa = selfSigned('/CN=system')
})

/** A server in a process of its own, and all that it prints. */
async function start(env: Record<string, string> = {}) {
  const options = JSON.stringify({ key: own.key, cert: own.cert, clientCa: ca.cert })
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, options], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  children.push(child)
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      printed += chunk
    })
  }
  while (!printed.includes('\n')) await once(child.stdout, 'data')
  const [port, control] = JSON.parse(printed) as [number, number]
  async function end() {
    child.stdin.end()
    const [code] = await once(child, 'close')
    return { code, printed: printed.split('\n').slice(1).join('\n') }
  }
  return { port, control, end }
}

describe('createServer with tls, in a process of its own', () => {
  it('trusts clientCa alone, not what the system trusts', async () => {
    const { port, control } = await start({ NODE_EXTRA_CA_CERTS: systemCa.certFile })
    const client = signedBy(systemCa, '/CN=client')
    expect(await converse(control, client)).toMatchObject({ body: true })
    expect(await converse(port, client)).toMatchObject({ body: false })
    expect(await converse(port, signedBy(ca, '/CN=client'))).toMatchObject({ body: true })
  })

  it('neither dies of broken handshakes nor logs them', async () => {
    const { port, end } = await start()
    const hello = '1603010200010001fc0303'
    const attacks = [
      ...[hello, `${hello}${'ff'.repeat(507)}`, `${hello}${'00'.repeat(507)}`, '16030100'],
      // Records of no length, of the greatest, of an unknown type; alerts; SSL 2; application data.
      ...['1603010000', '160301ffff', 'ff03030001ff', '15030300020228', '15030300020100'],
      ...['802e0100020015000000100100800200800300', '170303000568656c6c6f', '140303000101', ''],
    ].map((hex) => Buffer.from(hex, 'hex'))
    for (let i = 0; i < 100; i++) attacks.push(randomBytes(1 + i * 7))
    await Promise.all(
      attacks.map(async (bytes, i) => {
        const socket = connect(port, '127.0.0.1').on('error', () => {})
        await once(socket, 'connect')
        socket.write(bytes, () => (i % 2 ? socket.resetAndDestroy() : socket.end()))
        await new Promise((resolve) => socket.resume().once('close', resolve))
      }),
    )
    expect(await ask(port)).toMatchObject({ status: 200, body: false })
    expect(await end()).toEqual({ code: 0, printed: '' })
  })
})
