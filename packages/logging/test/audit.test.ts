import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, unlink } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { callsOf, jsonBody } from '@mcp-prod/rpc'
import express, { type RequestHandler } from 'express'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type AuditEvent,
  type AuditOptions,
  createAudit,
  createLogger,
  openAudit,
  requestLog,
} from '../src/index.js'
import { capture } from './capture.js'

const closers: (() => void)[] = []
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcp-prod-audit-'))
})
afterEach(async () => {
  for (const close of closers.splice(0)) close()
  await rm(folder, { recursive: true })
})

const parse = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))

/** An audit into memory. */
function auditing(options: AuditOptions = {}) {
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      done()
    },
  })
  const audit = createAudit({ stream, ...options })
  return { audit, raw: () => text, lines: () => parse(text) }
}

async function serve(...handlers: RequestHandler[]) {
  const app = express().use(requestLog(capture().logger), jsonBody(), ...handlers)
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return (init?: RequestInit) => fetch(`http://127.0.0.1:${port}/`, init)
}

describe('an event', () => {
  it('is one line: who, what, the decision and how it ended, in this order', () => {
    const { audit, raw } = auditing({ service: 'shop', version: '1.4.0' })
    audit({
      durationMs: 12.345,
      outcome: 'ok',
      decision: 'allowed',
      tool: 'lookup',
      method: 'tools/call',
      remoteAddress: '203.0.113.7',
      client: 'agent-7',
      tenant: 'acme',
      principal: 'alice',
      requestId: 'r-1',
      correlationId: 'c-1',
    })
    expect(raw()).toMatch(
      /^\{"time":"[^"]+","log":"audit","service":"shop","version":"1.4.0","requestId":"r-1","principal":"alice","tenant":"acme","client":"agent-7","remoteAddress":"203.0.113.7","method":"tools\/call","tool":"lookup","decision":"allowed","outcome":"ok","durationMs":12.3,"correlationId":"c-1"\}\n$/,
    )
  })

  it('knows who asks from the request, as soon as that is known, and what the event says wins', async () => {
    const { audit, lines } = auditing()
    const extra = { principal: 'alice', tenant: 'acme' }
    const get = await serve(
      (_req, _res, next) => {
        audit({ decision: 'unauthenticated', reason: 'missing' })
        next()
      },
      (req, res) => {
        Object.assign(req, { auth: { clientId: 'app', extra } })
        audit({ decision: 'denied', reason: 'scope', tenant: 'by host' })
        res.end()
      },
    )
    await get({ headers: { 'x-request-id': 'r-7' } })
    await audit.flush()
    const [before, after] = lines()
    expect(before).toMatchObject({ requestId: 'r-7', remoteAddress: '127.0.0.1' })
    for (const name of ['principal', 'tenant', 'client']) expect(before).not.toHaveProperty(name)
    expect(after).toMatchObject({
      requestId: 'r-7',
      principal: 'alice',
      tenant: 'by host',
      client: 'app',
      decision: 'denied',
      reason: 'scope',
    })
  })

  it('of a batch of 100 calls is 100 events', async () => {
    const { audit, lines } = auditing()
    const get = await serve((req, res) => {
      for (const { method, name } of callsOf(req))
        audit({ decision: 'allowed', method, tool: name })
      res.end()
    })
    const batch = Array.from({ length: 100 }, (_, id) => ({
      jsonrpc: '2.0',
      id,
      method: 'tools/call',
      params: { name: `tool-${id}` },
    }))
    await get({
      method: 'POST',
      body: JSON.stringify(batch),
      headers: { 'content-type': 'application/json' },
    })
    await audit.flush()
    expect(lines().map(({ tool }) => tool)).toEqual(batch.map(({ params }) => params.name))
    expect(new Set(lines().map(({ requestId }) => requestId)).size).toBe(1)
  })

  it('cannot forge a line, pose as another or carry a secret, however it is made', () => {
    const { audit, raw, lines } = auditing({ service: 'shop', redact: ['email'] })
    const forged = 'x\n{"log":"audit","decision":"allowed"}\u2028\u001b[2K\u202e'
    audit({
      decision: 'denied',
      principal: forged,
      tool: forged,
      reason: 'Bearer abcdefghijklmnop password=hunter2',
      [forged]: forged,
      log: 'main',
      service: 'other',
      time: 'never',
      email: 'a@example.com',
      apiKey: 'hunter2',
    })
    expect(raw()).toMatch(/^[ -~]+\n$/)
    expect(raw()).not.toMatch(/hunter2|abcdefghijklmnop|a@example/)
    expect(lines()).toMatchObject([
      { log: 'audit', service: 'shop', principal: forged, log_: 'main', service_: 'other' },
    ])
  })

  it('is bounded, takes text alone for who and what, and never throws', async () => {
    const { audit, raw, lines } = auditing()
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const odd: unknown[] = [
      undefined,
      null,
      7,
      proxy,
      { decision: 'denied', principal: { toString: () => 'forged' }, durationMs: 'long' },
      { decision: 'denied', tool: 'x'.repeat(1e6), reason: 'y'.repeat(1e6), more: 'z'.repeat(1e6) },
      {
        get decision() {
          throw new Error('getter')
        },
      },
      Object.assign(Object.create({ principal: 'inherited' }), { decision: 'denied' }),
    ]
    for (const event of odd) expect(() => audit(event as AuditEvent)).not.toThrow()
    await audit.flush()
    expect(lines()).toHaveLength(odd.length)
    expect(lines()[4]).not.toHaveProperty('principal')
    expect(lines()[4]).not.toHaveProperty('durationMs')
    expect(lines()[5].tool).toHaveLength(128)
    expect(lines()[7]).not.toHaveProperty('principal')
    expect(raw().length).toBeLessThan(20_000)
  })

  it('has the fields of its context, below its own, also when that throws', async () => {
    const contextFields = vi.fn<() => object | undefined>(() => ({
      traceId: 't-1',
      decision: 'allowed',
      log: 'x',
    }))
    const { audit, lines } = auditing({ contextFields })
    audit({ decision: 'denied' })
    contextFields.mockImplementation(() => {
      throw new Error('context')
    })
    audit({ decision: 'limited' })
    await audit.flush()
    expect(lines()).toMatchObject([
      { decision: 'denied', traceId: 't-1', log: 'audit' },
      { decision: 'limited' },
    ])
  })
})

it('is not pushed out by a flood of other lines on the same stream', async () => {
  let text = ''
  let open = () => {}
  const blocked = new Promise<void>((resolve) => {
    open = resolve
  })
  const stream = new Writable({
    async write(chunk, _encoding, done) {
      await blocked
      text += chunk
      done()
    },
  })
  const logger = createLogger({ stream })
  const audit = createAudit({ stream })
  const padding = 'x'.repeat(1000)
  for (let i = 0; i < 10_000; i++) {
    logger.info('request', { padding })
    if (i % 100 === 0) audit({ decision: 'allowed', tool: `tool-${i}` })
  }
  await vi.waitFor(() => expect(logger.dropped).toBeGreaterThan(1000))
  expect(audit.dropped).toBe(0)
  open()
  await Promise.all([audit.flush(), logger.flush()])
  const events = parse(text).filter(({ log }) => log === 'audit')
  expect(events.map(({ tool }) => tool)).toEqual(
    Array.from({ length: 100 }, (_, i) => `tool-${i * 100}`),
  )
})

it('counts what is lost, says so, and flush ends although the stream is blocked', async () => {
  let open = () => {}
  let text = ''
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      open = done
    },
  })
  const audit = createAudit({ stream })
  for (let i = 0; i < 60_000; i++) audit({ decision: 'denied', requestId: `r-${i}` })
  const { dropped } = audit
  expect(dropped).toBeGreaterThan(100)
  const started = performance.now()
  await audit.flush()
  expect(performance.now() - started).toBeGreaterThan(4900)
  stream._write = (chunk, _encoding, done) => {
    text += chunk
    done()
  }
  open()
  await audit.flush()
  const lines = parse(text)
  expect(lines.at(-1)).toMatchObject({ log: 'audit', message: 'audit lines dropped', dropped })
  expect(lines.length - 1 + dropped).toBe(60_000)
  expect(audit.dropped).toBe(dropped)
})

describe('openAudit', () => {
  const open = (path: string, options = {}) => {
    const stream = openAudit(path, options)
    closers.push(() => stream.destroy())
    return stream
  }

  it('knows stdout and stderr', () => {
    expect(openAudit('stdout')).toBe(process.stdout)
    expect(openAudit('stderr')).toBe(process.stderr)
  })

  it('appends to a file that its owner alone may read', async () => {
    const path = join(folder, 'audit.log')
    for (const tool of ['one', 'two']) {
      const audit = createAudit({ stream: open(path) })
      audit({ decision: 'allowed', tool })
      await audit.flush()
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(parse(await readFile(path, 'utf8')).map(({ tool }) => tool)).toEqual(['one', 'two'])
  })

  it('opens the file again on SIGHUP and loses no line while logrotate moves it', async () => {
    const path = join(folder, 'audit.log')
    const before = process.listenerCount('SIGHUP')
    const stream = open(path)
    const audit = createAudit({ stream })
    let told = 0
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 500; i++) audit({ decision: 'allowed', tool: `tool-${told++}` })
      await rename(path, `${path}.${round}`)
      const handled = once(process, 'SIGHUP')
      process.kill(process.pid, 'SIGHUP')
      await handled
    }
    await audit.flush()
    const texts = await Promise.all(
      [0, 1, 2, 3, 4].map((round) => readFile(`${path}.${round}`, 'utf8')),
    )
    texts.push(await readFile(path, 'utf8'))
    const tools = texts.flatMap(parse).map(({ tool }) => tool)
    expect(tools).toEqual(Array.from({ length: told }, (_, i) => `tool-${i}`))
    stream.destroy()
    expect(process.listenerCount('SIGHUP')).toBe(before)
  })

  it('keeps the old file when the new one cannot be opened, and tells', async () => {
    const path = join(folder, 'audit.log')
    const onError = vi.fn()
    const audit = createAudit({ stream: open(path, { onError }) })
    await rename(path, `${path}.1`)
    await mkdir(path)
    process.emit('SIGHUP')
    expect(onError).toHaveBeenCalledWith(
      expect.objectContaining({ code: 'ERR_LOGGING_AUDIT_FILE' }),
    )
    audit({ decision: 'allowed', tool: 'kept' })
    await audit.flush()
    expect(parse(await readFile(`${path}.1`, 'utf8'))).toMatchObject([{ tool: 'kept' }])
  })

  it('holds the lines while the disk is full, tells once, and writes them when there is room', async () => {
    const path = join(folder, 'audit.log')
    // The kernel's own full disk; then, as after a rotation, another file under the name.
    await symlink('/dev/full', path)
    const onError = vi.fn()
    const audit = createAudit({ stream: open(path, { onError, retryMs: 10 }) })
    for (let i = 0; i < 100; i++) audit({ decision: 'allowed', tool: `tool-${i}` })
    await vi.waitFor(() => expect(onError).toHaveBeenCalled())
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(onError).toHaveBeenCalledOnce()
    expect(onError.mock.calls[0]?.[0]).toMatchObject({ code: 'ENOSPC' })
    await unlink(path)
    process.emit('SIGHUP')
    await audit.flush()
    expect(audit.dropped).toBe(0)
    expect(parse(await readFile(path, 'utf8'))).toHaveLength(100)
  })

  it('refuses at the start what it cannot open, with the path and what to do', () => {
    const { getuid } = process
    for (const path of [folder, join(folder, 'no', 'audit.log')]) {
      expect(() => openAudit(path)).toThrow(
        expect.objectContaining({
          code: 'ERR_LOGGING_AUDIT_FILE',
          message: expect.stringMatching(
            new RegExp(
              `target "${path}" cannot be opened .*let its folder exist.*user ${getuid?.()}`,
            ),
          ),
        }),
      )
    }
  })

  it('does not hang at the start on a pipe that nobody reads', async () => {
    const path = join(folder, 'pipe')
    execFileSync('mkfifo', [path])
    expect(() => openAudit(path)).toThrow(/ENXIO/)
  })

  it.each([
    ['target', [undefined]],
    ['target', ['']],
    ['target', ['a\0b']],
    ['onError', ['stdout', { onError: 'log' }]],
    ['retryMs', ['stdout', { retryMs: 0 }]],
  ])('refuses a wrong %s by name: %j', (option, args) => {
    expect(() => Reflect.apply(openAudit, undefined, args)).toThrow(
      expect.objectContaining({
        code: 'ERR_LOGGING_OPTION',
        message: expect.stringContaining(`: ${option} must be`),
      }),
    )
  })
})

it.each([
  ['stream', { stream: {} }],
  ['service', { service: 1 }],
  ['version', { version: '' }],
  ['redact', { redact: 'x' }],
  ['contextFields', { contextFields: {} }],
])('refuses a wrong %s at creation, by name', (option, options) => {
  for (const create of [createAudit, createLogger])
    expect(() => create(options as never)).toThrow(
      expect.objectContaining({
        code: 'ERR_LOGGING_OPTION',
        message: expect.stringContaining(`: ${option} must be`),
      }),
    )
})
