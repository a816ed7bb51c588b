import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import express from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { profiling, requireToken } from '../src/index.js'
import { BEARER, closeAll, errorOf, serve, TOKEN } from './serve.js'
import { startChild } from './start-child.js'

afterEach(() => {
  closeAll()
  vi.restoreAllMocks()
})

/** Sends a request as it stands and reads the answer's head. */
async function raw(port: number, headers: string, path = '/debug/event-loop?seconds=1') {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`)
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

async function memoryOf(url: string): Promise<number> {
  const usage = (await (await fetch(`${url}/memory`)).json()) as NodeJS.MemoryUsage
  return usage.arrayBuffers
}

describe('the token', () => {
  it('is missed in the hearing of who keeps the audit, which can break nothing', async () => {
    const refused = vi.fn(() => {
      throw new Error('audit')
    })
    const app = express().use(requireToken(TOKEN, { onRefused: refused }))
    app.use(profiling({ token: TOKEN, onRefused: refused }))
    const server = app.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    expect((await fetch(`http://127.0.0.1:${port}/cpu`)).status).toBe(401)
    expect(refused).toHaveBeenCalledOnce()
    server.close()
  })

  it.each([
    ['none', {}],
    ['an empty one', { authorization: 'Bearer ' }],
    ['another', { authorization: 'Bearer another-token-of-the-same-size!!' }],
    ['its beginning', { authorization: `Bearer ${TOKEN.slice(0, -1)}` }],
    ['more than it', { authorization: `Bearer ${TOKEN}x` }],
    ['two in one', { authorization: `Bearer ${TOKEN} ${TOKEN}` }],
    ['a list', { authorization: `Bearer ${TOKEN}, Bearer ${TOKEN}` }],
    ['another case', { authorization: `Bearer ${TOKEN.toUpperCase()}` }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
    ['no scheme', { authorization: TOKEN }],
    ['a very long one', { authorization: `Bearer ${'x'.repeat(10_000)}` }],
    ['another header', { 'x-api-key': TOKEN, cookie: `token=${TOKEN}` }],
  ])('is refused with a challenge: %s', async (_name, headers) => {
    const { url, events } = await serve()
    for (const path of ['/cpu?seconds=1', '/heap-snapshot', '/unknown', '/']) {
      const response = await fetch(url + path, { headers: headers as Record<string, string> })
      expect(response.status).toBe(401)
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer realm="debug"/)
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(await response.text()).not.toContain(TOKEN)
    }
    // Nothing was begun, so nothing is in the way of who has it.
    expect(events).toEqual([])
    expect((await fetch(`${url}/event-loop?seconds=1`, { headers: BEARER })).status).toBe(200)
  })

  it.each(['token', 'access_token', 'authorization'])('is not taken from ?%s=', async (name) => {
    const { url } = await serve()
    expect((await fetch(`${url}/cpu?seconds=1&${name}=${TOKEN}`)).status).toBe(401)
  })

  it('is refused when several Authorization headers came, whichever is right', async () => {
    const { port } = await serve()
    const right = `Authorization: Bearer ${TOKEN}\r\n`
    const wrong = 'Authorization: Bearer wrong\r\n'
    for (const headers of [right + wrong, wrong + right, right + right])
      expect(await raw(port, headers)).toMatch(/^HTTP\/1.1 401 /)
    expect(await raw(port, right)).toMatch(/^HTTP\/1.1 200 /)
    expect(await raw(port, `authorization: bearer   ${TOKEN}\r\n`)).toMatch(/^HTTP\/1.1 200 /)
  })

  it.each([
    undefined,
    '',
    'fifteen-charact',
    'sixteen chars ok',
    'sixteen-chäracters',
    `sixteen-characters\n`,
    'x'.repeat(1025),
    Buffer.alloc(32),
  ])('is required at creation: %j is none, and is not told', (token) => {
    const refused = expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_PROFILING_OPTION',
      message: expect.stringContaining('@mcp-prod/profiling: token must be'),
    })
    expect(() => requireToken(token as string)).toThrow(refused)
    expect(() => profiling({ token: token as string })).toThrow(refused)
    if (typeof token === 'string' && token.length > 1)
      expect(() => requireToken(token)).not.toThrow(token)
  })
})

it.each([
  ['maxSeconds', 0],
  ['maxSeconds', 301],
  ['maxSeconds', '30'],
  ['maxHeapBytes', Number.NaN],
  ['maxBytes', -1],
  ['sendSeconds', 0.5],
  ['snapshotMemoryFactor', -1],
  ['onProfile', 'log'],
])('a wrong %s (%j) is refused at creation, by name', (option, value) => {
  expect(() => profiling({ token: TOKEN, [option]: value } as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_PROFILING_OPTION',
      message: expect.stringContaining(`: ${option} must be`),
    }),
  )
  expect(() => Reflect.apply(profiling, undefined, [])).toThrow(/token must be/)
})

it.each(['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])('%s begins nothing', async (method) => {
  const { url, events } = await serve()
  for (const path of ['/cpu?seconds=1', '/heap-snapshot']) {
    const response = await fetch(url + path, { method, headers: BEARER })
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET')
  }
  expect(events).toEqual([])
})

it.each([
  'seconds=0',
  'seconds=31',
  'seconds=-1',
  'seconds=1.5',
  'seconds=1e1',
  'seconds=0x1',
  'seconds=',
  'seconds=99999999999999999999',
  'seconds=1&seconds=2',
  'seconds[]=1',
  'secs=1',
  'seconds=1&format=x',
])('?%s is refused with what is right', async (query) => {
  const { get } = await serve()
  for (const kind of ['cpu', 'heap-sampling', 'event-loop']) {
    const response = await get(`/${kind}?${query}`)
    expect(response.status).toBe(400)
    expect(await errorOf(response)).toMatch(/seconds/)
  }
  expect((await get(`/heap-snapshot?${query}`)).status).toBe(400)
})

describe('one at a time', () => {
  it('answers 409 and when to come back, over all kinds and routers', async () => {
    const one = await serve()
    const two = await serve()
    const running = one.get('/event-loop?seconds=2')
    await setTimeout(200)
    for (const path of ['/cpu', '/heap-sampling?seconds=1', '/heap-snapshot', '/event-loop']) {
      const response = await two.get(path)
      expect(response.status).toBe(409)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(two.events.map(({ ended }) => ended)).toEqual(Array(4).fill('refused'))
    expect((await running).status).toBe(200)
    expect((await two.get('/event-loop?seconds=1')).status).toBe(200)
  })

  it('frees the slot after an error, which Express gets, and serves on when a hook throws', async () => {
    const { get, events } = await serve({ maxSeconds: 1 })
    vi.spyOn(process, 'getActiveResourcesInfo').mockImplementationOnce(() => {
      throw new Error('broken')
    })
    const failed = await get('/event-loop')
    expect(failed.status).toBe(500)
    expect(events.at(-1)).toMatchObject({ kind: 'event-loop', seconds: 1, ended: 'failed' })
    const hook = () => {
      throw new Error('hook')
    }
    const hooked = await serve({ onProfile: hook })
    for (let i = 0; i < 2; i++) expect((await hooked.get('/event-loop?seconds=1')).status).toBe(200)
  })
})

describe('what is too large', () => {
  it('names maxBytes in place of a profile', async () => {
    const { get, events } = await serve({ maxBytes: 100 })
    const response = await get('/cpu?seconds=1')
    expect(response.status).toBe(507)
    expect(response.headers.get('content-disposition')).toBeNull()
    expect(await errorOf(response)).toContain('maxBytes')
    expect(events.at(-1)).toMatchObject({ ended: 'refused', bytes: 0 })
  })

  it('refuses a snapshot of a heap above maxHeapBytes before it takes one', async () => {
    const { get } = await serve({ maxHeapBytes: 1_048_576 })
    const response = await get('/heap-snapshot')
    expect(response.status).toBe(507)
    expect(await errorOf(response)).toMatch(/maxHeapBytes \(1 MiB\)/)
  })

  it('refuses one that would not fit in the memory that is left', async () => {
    const used = getHeapStatistics().used_heap_size
    vi.spyOn(process, 'availableMemory').mockReturnValue(used)
    const { get } = await serve()
    const response = await get('/heap-snapshot')
    expect(response.status).toBe(507)
    expect(await errorOf(response)).toContain('snapshotMemoryFactor')
  })

  it('refuses a snapshot that became larger than maxBytes', async () => {
    const { get, events, url } = await startChild({ maxBytes: 1_000_000 }, '--expose-gc')
    const response = await get('/heap-snapshot')
    expect(response.status).toBe(507)
    expect(await errorOf(response)).toContain('maxBytes')
    await expect.poll(() => events.at(-1)?.ended).toBe('refused')
    await expect.poll(() => memoryOf(url), { timeout: 10_000 }).toBeLessThan(5_000_000)
  })
})

it('closes on who does not read, and frees the slot and the memory', async () => {
  const { get, url, port, events } = await startChild({ sendSeconds: 3 }, '--expose-gc')
  await fetch(`${url}/hold`)
  const memory = () => memoryOf(url)
  const before = await memory()
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  socket.write(
    `GET /debug/heap-snapshot HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`,
  )
  await once(socket, 'readable')
  const held = await memory()
  await setTimeout(1000)
  // V8 hands over all of it at once, and no more comes.
  expect(held - before).toBeGreaterThan(1_000_000)
  expect(await memory()).toBeLessThan(held + 1_000_000)
  expect((await get('/event-loop?seconds=1')).status).toBe(409)
  await expect.poll(() => events.at(-1)?.ended, { timeout: 20_000 }).toBe('deadline')
  await expect.poll(memory, { timeout: 10_000 }).toBeLessThan(before + (held - before) / 2)
  expect((await get('/event-loop?seconds=1')).status).toBe(200)
  socket.destroy()
})
