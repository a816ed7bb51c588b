import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import express, { type RequestHandler } from 'express'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type LogLevel, levelOnSignal, logLevel } from '../src/index.js'
import { capture } from './capture.js'

const closers: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const close of closers.splice(0)) close()
})

async function serve(level: LogLevel = 'info', ...before: RequestHandler[]) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  const log = capture({ level })
  const app = express().use(...before, logLevel(log.logger))
  const server = app.listen(0, '127.0.0.1')
  closers.push(() => server.close().closeAllConnections())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}/`
  async function ask(init: RequestInit = {}) {
    const response = await fetch(url, init)
    const body = (await response.json()) as { after?: string; error?: string }
    return { status: response.status, headers: response.headers, body }
  }
  const put = (body: unknown) => ask({ method: 'PUT', body: JSON.stringify(body) })
  return { ...log, port, ask, put }
}

describe('logLevel', () => {
  it('tells the level, changes it for a time, logs that, and goes back by itself', async () => {
    const { ask, put, logger, lines } = await serve()
    expect(await ask()).toMatchObject({ status: 200, body: { level: 'info' } })
    const { body, headers } = await put({ level: 'debug', seconds: 60 })
    expect(body).toEqual({ level: 'debug', seconds: 60, after: 'info' })
    expect(headers.get('cache-control')).toBe('no-store')
    logger.debug('seen')
    await vi.advanceTimersByTimeAsync(20_000)
    expect((await ask()).body).toEqual({ level: 'debug', seconds: 40, after: 'info' })
    await vi.advanceTimersByTimeAsync(39_999)
    expect(logger.level).toBe('debug')
    await vi.advanceTimersByTimeAsync(1)
    expect((await ask()).body).toEqual({ level: 'info' })
    logger.debug('not seen')
    vi.useRealTimers()
    expect(await lines()).toMatchObject([
      {
        level: 'warn',
        message: 'log level changed for a time',
        newLevel: 'debug',
        oldLevel: 'info',
        seconds: 60,
        after: 'info',
      },
      { message: 'seen' },
      { level: 'warn', message: 'log level is back', newLevel: 'info', oldLevel: 'debug' },
    ])
  })

  it('takes five minutes when it is not told, and goes back to what was configured after several', async () => {
    const { put, logger } = await serve('warn')
    expect((await put({ level: 'debug' })).body).toMatchObject({ seconds: 300, after: 'warn' })
    await vi.advanceTimersByTimeAsync(299_000)
    expect((await put({ level: 'silly', seconds: 3600 })).body.after).toBe('warn')
    // The first one's end is no longer one.
    await vi.advanceTimersByTimeAsync(3_599_999)
    expect(logger.level).toBe('silly')
    await vi.advanceTimersByTimeAsync(1)
    expect(logger.level).toBe('warn')
  })

  it('ends early by the level that is configured, and leaves one that was set otherwise', async () => {
    const { put, ask, logger } = await serve()
    await put({ level: 'debug' })
    expect((await put({ level: 'info' })).body).toEqual({ level: 'info' })
    await put({ level: 'debug', seconds: 3600 })
    // The end of the first one came too late for it, and too early for this one.
    await vi.advanceTimersByTimeAsync(300_000)
    expect(logger.level).toBe('debug')
    await put({ level: 'debug', seconds: 10 })
    logger.level = 'error'
    expect((await ask()).body).toEqual({ level: 'error' })
    await vi.advanceTimersByTimeAsync(10_000)
    expect(logger.level).toBe('error')
  })

  it.each<[LogLevel, LogLevel]>([
    ['info', 'error'],
    ['error', 'debug'],
  ])('logs the change from %s to %s, which one of them hides', async (from, to) => {
    const { put, lines } = await serve(from)
    await put({ level: to, seconds: 1 })
    await vi.advanceTimersByTimeAsync(1000)
    vi.useRealTimers()
    expect(await lines()).toMatchObject([{ newLevel: to }, { newLevel: from }])
  })

  it.each<[string, unknown]>([
    ['a level that does not exist', { level: 'loud' }],
    ['one that every object has', { level: 'constructor' }],
    ['no level', { seconds: 10 }],
    ['a list', ['debug']],
    ['null', null],
    ['a text', 'debug'],
    ['no time', { level: 'debug', seconds: 0 }],
    ['more than an hour', { level: 'debug', seconds: 3601 }],
    ['for ever', { level: 'debug', seconds: null }],
    ['a time as text', { level: 'debug', seconds: '60' }],
    ['half a second', { level: 'debug', seconds: 0.5 }],
    ['another field', { level: 'debug', ttl: 60 }],
  ])('answers 400 and how to ask, and changes nothing, for %s', async (_name, body) => {
    const { put, logger, lines } = await serve()
    const response = await put(body)
    expect(response.status).toBe(400)
    expect(response.body.error).toContain('{"level":"debug","seconds":300}')
    expect(logger.level).toBe('info')
    vi.useRealTimers()
    expect(await lines()).toEqual([])
  })

  it('reads at most 1 KiB, announced or not, and no JSON is refused', async () => {
    const { ask, port, logger } = await serve()
    const large = JSON.stringify({ level: 'debug', pad: 'x'.repeat(2000) })
    expect(await ask({ method: 'PUT', body: large })).toMatchObject({ status: 413 })
    for (const body of ['', '{"level":', 'debug'])
      expect((await ask({ method: 'PUT', body })).status).toBe(400)
    const socket = connect(port, '127.0.0.1')
    socket.write('PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let i = 0; i < 20; i++) socket.write(`64\r\n${'x'.repeat(100)}\r\n`)
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 413 [\s\S]*Connection: close/)
    socket.destroy()
    expect(logger.level).toBe('info')
  })

  it('takes what a body parser has read, and answers 405 to other methods', async () => {
    const { ask, logger } = await serve('info', express.json())
    const headers = { 'content-type': 'application/json' }
    await ask({ method: 'PUT', body: '{"level":"debug"}', headers })
    expect(logger.level).toBe('debug')
    const refused = await ask({ method: 'POST', body: '{"level":"silly"}', headers })
    expect(refused.status).toBe(405)
    expect(refused.headers.get('allow')).toBe('GET, PUT')
    expect(logger.level).toBe('debug')
  })

  it('serves on when a client goes away while it sends', async () => {
    const onError = vi.fn()
    const { port, ask } = await serve()
    process.on('unhandledRejection', onError)
    closers.push(() => process.off('unhandledRejection', onError))
    const socket = connect(port, '127.0.0.1')
    socket.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"level"')
    await once(socket, 'connect')
    await ask()
    socket.destroy()
    expect((await ask()).body).toEqual({ level: 'info' })
    expect(onError).not.toHaveBeenCalled()
  })
})

describe('levelOnSignal', () => {
  it('turns debug on and off, and off by itself after five minutes', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { logger } = capture({ level: 'warn' })
    const remove = levelOnSignal(logger, 'SIGUSR2')
    process.emit('SIGUSR2')
    expect(logger.level).toBe('debug')
    process.emit('SIGUSR2')
    expect(logger.level).toBe('warn')
    // Lines may be held back for so long.
    vi.advanceTimersByTime(10)
    expect(vi.getTimerCount()).toBe(0)
    process.emit('SIGUSR2')
    vi.advanceTimersByTime(299_999)
    expect(logger.level).toBe('debug')
    vi.advanceTimersByTime(1)
    expect(logger.level).toBe('warn')
    remove()
    process.emit('SIGUSR2')
    expect(logger.level).toBe('warn')
  })

  it('ends what the endpoint began', async () => {
    const { put, logger } = await serve()
    closers.push(levelOnSignal(logger, 'SIGUSR2'))
    await put({ level: 'silly', seconds: 10 })
    process.emit('SIGUSR2')
    expect(logger.level).toBe('info')
  })

  it('works by a real signal, and neither it nor the timer keeps a process alive', async () => {
    const script = fileURLToPath(new URL('signal-child.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async () => JSON.parse((await lines.next()).value)
    expect(await next()).toMatchObject({ message: 'ready' })
    child.kill('SIGUSR2')
    expect(await next()).toMatchObject({ newLevel: 'debug', seconds: 300 })
    // It ends by itself when nothing is left to read.
    const exit = once(child, 'exit')
    child.stdin.end()
    expect(await exit).toEqual([0, null])
  })

  it.each(['SIGUSR1', 'SIGKILL', 'SIGSTOP', 'SIGNOTHING', 'usr2', 12])(
    'refuses %s at creation',
    (signal) => {
      const before = process.eventNames().length
      expect(() => levelOnSignal(capture().logger, signal as never)).toThrow(
        expect.objectContaining({ code: 'ERR_LOGGING_OPTION' }),
      )
      expect(process.eventNames().length).toBe(before)
    },
  )
})

it.each([undefined, {}, { level: 'info' }, { level: 'loud', warn() {} }])(
  'a logger without a level is refused at creation: %j',
  (logger) => {
    for (const create of [logLevel, levelOnSignal])
      expect(() => create(logger as never)).toThrow(
        expect.objectContaining({ code: 'ERR_LOGGING_OPTION' }),
      )
  },
)
