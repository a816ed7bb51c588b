import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { environment, fixtureInstallation, temporaryDirectory } from './support/fixture.js'

const sockets: Socket[] = []
const server = createServer((socket) => sockets.push(socket))
afterEach(() => {
  server.close()
  for (const socket of sockets) socket.destroy()
})

describe('a registry that takes requests and does not answer', { timeout: 180_000 }, () => {
  it('is told of while npm waits, and Ctrl-C still removes everything', async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const place = temporaryDirectory()
    const env = { ...environment(), npm_config_registry: `http://127.0.0.1:${port}` }
    const child = spawn(process.execPath, [fixtureInstallation(), 'x', '--yes'], {
      cwd: place,
      env,
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    await expect.poll(() => output, { timeout: 150_000, interval: 500 }).toContain('takes long')
    expect(output).toContain('npm config get registry')
    expect(output).not.toContain('\x1b')
    expect(sockets.length).toBeGreaterThan(0)
    expect(readdirSync(place)).toEqual(['x'])
    child.kill('SIGINT')
    const [exitCode] = await once(child, 'exit')
    expect(exitCode).toBe(130)
    expect(readdirSync(place)).toEqual([])
  })
})
