import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { jsonBody } from '@mcp-prod/rpc'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { limitConcurrency } from '../src/index.js'
import { as, authenticate, call, raw, sent, serveHeld, settled } from './held-calls.js'
import { type Answer, closeServers, post, serve } from './serve.js'

afterEach(closeServers)

// Ten thousand at once are a long burst.
const wide = { limit: 20_000, perPrincipal: 20_000, queueTimeoutMs: 60_000 }

describe('a slot', () => {
  it('comes back from each of 10,000 aborted requests, pipelined ones too', async () => {
    const { limit, port, running } = await serveHeld(wide)
    const many = Array.from({ length: 100 }, (_, i) => raw(call(i), as('mallory'))).join('')
    const sockets = await Promise.all(Array.from({ length: 100 }, () => sent(port, many)))
    await settled(limit, 10_000)
    await vi.waitFor(() => expect(running.length).toBe(10_000), 20_000)
    for (const socket of sockets) socket.destroy()
    await settled(limit, 0)
    expect(limit.state().tracked).toBe(0)
  }, 60_000)

  it('comes back once, and starts nobody on a connection that is gone', async () => {
    const onLimited = vi.fn()
    const options = { limit: 3, perPrincipal: 3, maxQueue: 40, queueTimeoutMs: 30_000, onLimited }
    const { limit, port, running, url } = await serveHeld(options)
    const many = Array.from({ length: 20 }, (_, i) => raw(call(i), as('mallory'))).join('')
    const sockets = await Promise.all(Array.from({ length: 5 }, () => sent(port, many)))
    await vi.waitFor(() => expect(onLimited).toHaveBeenCalledTimes(77), 20_000)
    expect(limit.state()).toMatchObject({ running: 3, queued: 20 })
    for (const socket of sockets) socket.destroy()
    await settled(limit, 0)
    expect(running.length).toBeLessThan(3 + 5 * 3)
    for (const id of [1, 2, 3, 4]) void post(url, call(id), as('alice')).catch(() => {})
    await settled(limit, 3, 1)
  })

  it('comes back from handlers that throw, reject or answer twice', async () => {
    const limit = limitConcurrency({ limit: 2, maxQueue: 0 })
    const { url } = await serve((app) => {
      app.use(authenticate, jsonBody(), limit.middleware)
      app.use((req, res) => {
        const { name } = req.body.params
        if (name === 'throws') throw new Error('thrown')
        if (name === 'rejects') return Promise.reject(new Error('rejected'))
        res.json({})
        if (name === 'twice') res.emit('close')
      })
    })
    for (let i = 0; i < 30; i++) {
      const name = ['throws', 'rejects', 'twice'][i % 3] ?? ''
      expect([200, 500]).toContain((await post(url, call(i, name), as('alice'))).status)
    }
    await settled(limit, 0)
    expect(limit.state().tracked).toBe(0)
  })

  it('comes back from an answer that is cut off, and from a client that leaves amid its body', async () => {
    const limit = limitConcurrency({ limit: 2, maxQueue: 0 })
    const { url, port } = await serve((app) => {
      app.use(authenticate, jsonBody(), limit.middleware)
      app.use((_req, res) => {
        res.write('half')
        res.destroy()
      })
    })
    for (let i = 0; i < 5; i++) {
      await expect(post(url, call(), as('alice'))).rejects.toThrow()
      const half = raw(call(), as('alice')).slice(0, -5)
      const socket = await sent(port, half)
      socket.destroy()
    }
    await settled(limit, 0)
  })

  it("is none of another tenant's, whose principals are called the same", async () => {
    const { limit, url, running, finishOne } = await serveHeld({ limit: 4, perPrincipal: 1 })
    const of = (tenant: string) => ({
      'x-test-auth': JSON.stringify({ clientId: 'c', extra: { principal: 'ci', tenant } }),
    })
    const answers = ['acme', 'other'].map((tenant, id) => post(url, call(id), of(tenant)))
    await vi.waitFor(() => expect(running).toHaveLength(2))
    finishOne()
    finishOne()
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200)
    await settled(limit, 0)
  })

  it('is not held by a client that has gone before its turn came', async () => {
    let pass: (() => void) | undefined
    const { limit, port, running } = await serveHeld({ limit: 2 }, [
      (_req, _res, next) => {
        pass = next
      },
    ])
    const socket = await sent(port, raw(call(), as('alice')))
    await vi.waitFor(() => expect(pass).toBeDefined())
    socket.destroy()
    await new Promise((resolve) => setTimeout(resolve, 50))
    pass?.()
    await settled(limit, 0)
    expect(running.length).toBe(0)
  })

  it.each([true, false])(
    'comes back from upgrades, with a listener for them: %s',
    async (listens) => {
      const limit = limitConcurrency({ limit: 2, maxQueue: 0 })
      const app = express().use(authenticate, jsonBody(), limit.middleware, (_req, res) => {
        res.json({})
      })
      const server = createServer(app).listen(0, '127.0.0.1')
      if (listens) server.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 400 No\r\n\r\n'))
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const upgrade = raw(call(), { Connection: 'Upgrade', Upgrade: 'websocket', ...as('mallory') })
      for (let i = 0; i < 20; i++) {
        const socket = await sent(port, upgrade)
        const [data] = (await once(socket, 'data')) as [Buffer]
        expect(data.toString()).toMatch(listens ? /^HTTP\/1\.1 400/ : /^HTTP\/1\.1 200/)
        socket.destroy()
      }
      await settled(limit, 0)
      server.close()
      server.closeAllConnections()
    },
  )
})

describe('one connection', () => {
  it('that pipelines a hundred calls gets the slots of one principal, not a hundred', async () => {
    const { limit, port, running } = await serveHeld({
      limit: 8,
      maxQueue: 4,
      queueTimeoutMs: 9000,
    })
    const many = Array.from({ length: 100 }, (_, i) => raw(call(i), as('mallory'))).join('')
    const socket = await sent(port, many)
    await settled(limit, 4, 2)
    expect(running.length).toBe(4)
    socket.destroy()
  })

  it('has one listener on its socket, however many requests it brings', async () => {
    const warned = vi.fn()
    process.on('warning', warned)
    const { limit, port } = await serveHeld(wide)
    const many = Array.from({ length: 50 }, (_, i) => raw(call(i), as('mallory'))).join('')
    const socket = await sent(port, many)
    await settled(limit, 50)
    socket.destroy()
    await settled(limit, 0)
    process.off('warning', warned)
    expect(warned).not.toHaveBeenCalled()
  })
})

describe('one principal with slow calls', () => {
  it('cannot keep others out', async () => {
    const { limit, url } = await serveHeld({ limit: 8, maxQueue: 8, queueTimeoutMs: 9000 })
    for (let i = 0; i < 50; i++) void post(url, call(i), as('mallory')).catch(() => {})
    await settled(limit, 4, 4)
    for (let i = 0; i < 4; i++) void post(url, call(`a${i}`), as('alice')).catch(() => {})
    await settled(limit, 8, 4)
  })
})

describe('invented names', () => {
  it('leave nothing behind, neither of those who ran nor of those refused', async () => {
    const { limit, url, running } = await serveHeld({
      limit: 50,
      maxQueue: 50,
      queueTimeoutMs: 50,
      perTool: () => 1,
    })
    let refused = 0
    for (let i = 0; i < 300; i++) {
      const counted = ({ status }: Answer) => {
        if (status === 503) refused++
      }
      post(url, call(i, `tool-${i}`), as(`principal-${i}`)).then(counted, () => {})
    }
    await vi.waitFor(() => expect(refused).toBe(250), { timeout: 20_000 })
    expect(limit.state()).toMatchObject({ running: 50, queued: 0, tracked: 100 })
    for (const { res } of running) res.json({})
    await settled(limit, 0)
    expect(limit.state().tracked).toBe(0)
  })
})
