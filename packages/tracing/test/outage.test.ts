import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { describe, expect, it, vi } from 'vitest'
import { boundedProcessor } from '../src/bounded-processor.js'
import { countingExporter } from '../src/counting-exporter.js'
import { tally } from '../src/tally.js'
import { atEnd, sink } from './sink.js'
import { appWith, listen, tracingTo } from './support.js'

/** Milliseconds that closing may take beyond its time, on a machine that is busy. */
const SLACK_MS = 2000

async function deadPort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return `http://127.0.0.1:${port}`
}

async function silentPort(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).resume()
    atEnd(() => socket.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function work(
  tracing: { span(name: string, options: object, run: () => void): void },
  count: number,
) {
  for (let i = 0; i < count; i++) tracing.span('work', {}, () => {})
}

describe('a collector that is', () => {
  it.each([
    ['dead', deadPort],
    ['silent', silentPort],
  ])('%s: requests go on, every span is counted, closing ends in time', async (_what, start) => {
    const { tracing, logger } = tracingTo(await start(), {
      OTEL_BSP_MAX_QUEUE_SIZE: '50',
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '10',
    })
    const url = await listen(appWith(tracing))
    for (let i = 0; i < 20; i++) expect((await fetch(`${url}/mcp`)).status).toBe(200)
    work(tracing, 200)
    const startedAt = performance.now()
    await tracing.close()
    expect(performance.now() - startedAt).toBeLessThan(500 + SLACK_MS)
    const { exported, failed, dropped } = tracing.stats()
    expect(exported).toBe(0)
    expect(dropped).toBeGreaterThan(0)
    expect(failed + dropped).toBe(220)
    const told = logger.warn.mock.calls.map(([message]) => message)
    expect(told.filter((message) => message.includes('dropped'))).toHaveLength(1)
    expect(told.filter((message) => message.includes('lost at the end'))).toHaveLength(1)
  })

  it('failing is told once, and once more when it works again', async () => {
    const collector = await sink((_req, res) => res.writeHead(500).end('password=hunter2'))
    const { tracing, logger } = tracingTo(collector.url, { OTEL_BSP_SCHEDULE_DELAY: '5' })
    for (let i = 1; i <= 5; i++) {
      work(tracing, 2)
      await vi.waitFor(() => expect(tracing.stats().failed).toBe(2 * i))
    }
    collector.answer()
    work(tracing, 3)
    await collector.until(3)
    await vi.waitFor(() => expect(tracing.stats()).toEqual({ exported: 3, failed: 10, dropped: 0 }))
    expect(logger.warn.mock.calls).toEqual([
      [
        'spans cannot be exported',
        { endpoint: collector.url, reason: expect.stringContaining('HTTP 500') },
      ],
    ])
    expect(logger.info.mock.calls).toEqual([
      ['spans are exported again', { endpoint: collector.url }],
    ])
    collector.answer((_req, res) => res.writeHead(401).end())
    work(tracing, 1)
    await vi.waitFor(() => expect(logger.warn).toHaveBeenCalledTimes(2))
  })

  it.each([
    ['in an hour, which is too long', '3600'],
    ['in no time that is one', 'soon'],
  ])('busy and asks to come back %s: closing ends in time', async (_what, retryAfter) => {
    const collector = await sink((_req, res) =>
      res.writeHead(429, { 'retry-after': retryAfter }).end(),
    )
    const { tracing } = tracingTo(collector.url)
    work(tracing, 5)
    await vi.waitFor(() => expect(collector.requests.length).toBeGreaterThan(0))
    const startedAt = performance.now()
    await tracing.close()
    expect(performance.now() - startedAt).toBeLessThan(500 + SLACK_MS)
    expect(tracing.stats()).toEqual({ exported: 0, failed: 5, dropped: 0 })
  })

  it('busy for a second is asked again', async () => {
    const collector = await sink((_req, res) => {
      collector.answer()
      res.writeHead(503, { 'retry-after': '1' }).end()
    })
    const { tracing, logger } = tracingTo(collector.url)
    work(tracing, 1)
    await collector.until(1)
    await vi.waitFor(() => expect(tracing.stats()).toEqual({ exported: 1, failed: 0, dropped: 0 }))
    expect(logger.warn).not.toHaveBeenCalled()
  })

  it('there is sent what is left at the end, and nothing after it', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, { OTEL_BSP_SCHEDULE_DELAY: '60000' })
    work(tracing, 2000)
    await Promise.all([tracing.close(), tracing.close()])
    expect(collector.spans).toHaveLength(2000)
    work(tracing, 3)
    expect(tracing.stats()).toEqual({ exported: 2000, failed: 0, dropped: 3 })
  })

  it('there is sent all of a long queue at the end', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(
      collector.url,
      {
        OTEL_BSP_SCHEDULE_DELAY: '60000',
        OTEL_BSP_MAX_QUEUE_SIZE: '10000',
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '100',
      },
      { closeTimeoutMs: 20_000 },
    )
    // The first batches go at once, each after the one before; closing finds some fifty left.
    collector.answer((_req, res) => setTimeout(() => res.end('{}'), 20))
    work(tracing, 5000)
    await tracing.close()
    expect(tracing.stats()).toEqual({ exported: 5000, failed: 0, dropped: 0 })
  })

  it('reached through a wrong header tells no token', async () => {
    const collector = await sink((_req, res) => res.writeHead(401, 'bad token hunter2').end())
    const { tracing, logger } = tracingTo(collector.url, {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2',
    })
    work(tracing, 1)
    await vi.waitFor(() => expect(logger.warn).toHaveBeenCalled())
    expect(JSON.stringify(logger.warn.mock.calls)).toContain('bad token [hidden]')
  })
})

describe('what throws', () => {
  const thrower = () => {
    throw new Error('boom')
  }
  const watch = { timeoutMs: 100, onSuccess: vi.fn(), onFailure: vi.fn() }
  const span = { spanContext: () => ({ traceId: '1', spanId: '1', traceFlags: 1 }) } as ReadableSpan

  it('as processor fails no request: its span counts as dropped', () => {
    const counts = tally()
    const inner = new SimpleSpanProcessor({ export: thrower, shutdown: async () => {} })
    inner.onEnd = thrower
    boundedProcessor(inner, 10, counts, () => {}).onEnd(span)
    expect(counts).toMatchObject({ queued: 0, dropped: 1 })
  })

  it('as exporter fails no batch but its own, told as a failure', async () => {
    const counts = { ...tally(), queued: 1 }
    const exporter = countingExporter(
      { export: thrower, shutdown: async () => {} },
      { ...watch, counts },
    )
    const result = await new Promise((resolve) => exporter.export([span], resolve))
    expect(result).toEqual({ code: 0 })
    expect(counts).toMatchObject({ queued: 0, inFlight: 0, failed: 1 })
    expect(watch.onFailure).toHaveBeenCalledTimes(1)
  })

  it('as exporter never answers: the batch is given up, and counted once when it answers late', async () => {
    const counts = { ...tally(), queued: 1 }
    let answer: (result: { code: number }) => void = () => {}
    const inner = {
      export: (_spans: unknown, done: typeof answer) => (answer = done),
      shutdown: async () => {},
    }
    const exporter = countingExporter(inner, { ...watch, counts })
    await new Promise((resolve) => exporter.export([span], resolve))
    answer({ code: 0 })
    expect(counts).toMatchObject({ exported: 0, failed: 1, inFlight: 0 })
  })

  it('as logger loses no span', async () => {
    const collector = await sink((_req, res) => res.writeHead(500).end())
    const logger = { debug: thrower, info: thrower, warn: thrower, error: thrower }
    const { tracing } = tracingTo(collector.url, {}, { logger })
    work(tracing, 1)
    await vi.waitFor(() => expect(tracing.stats().failed).toBe(1))
    collector.answer()
    work(tracing, 1)
    await vi.waitFor(() => expect(tracing.stats().exported).toBe(1))
  })
})
