import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { startTracing } from '../src/index.js'
import { sink } from './sink.js'
import { callOf, fakeLogger, tracingTo } from './support.js'

afterEach(() => vi.unstubAllEnvs())

const options = { serviceName: 'shop', serviceVersion: '1', logger: fakeLogger() }

function errorOf(start: () => unknown): Error & { code?: string } {
  try {
    start()
  } catch (error) {
    return error as Error
  }
  throw new Error('it started')
}

describe('a wrong value stops the start, by name, value and remedy', () => {
  it.each([
    ['OTEL_TRACES_SAMPLER', 'sometimes', 'parentbased_traceidratio'],
    ['OTEL_TRACES_SAMPLER', 'ALWAYS_ON', 'always_on'],
    ['OTEL_TRACES_EXPORTER', 'zipkin', 'otlp, none'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'http://collector:4318'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://collector', 'http://collector:4318'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'http/json'],
    ['OTEL_EXPORTER_OTLP_TIMEOUT', '10s', 'a number'],
    ['OTEL_EXPORTER_OTLP_COMPRESSION', 'zstd', 'gzip'],
    ['OTEL_EXPORTER_OTLP_CERTIFICATE', '/no/such/file', 'can be read'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '-1', '1000000'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', 'Infinity', '1000000'],
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '4000', '2048'],
    ['OTEL_BSP_SCHEDULE_DELAY', 'soon', 'a number'],
  ])('%s=%s', (name, value, remedy) => {
    const error = errorOf(() => startTracing({ ...options, env: { [name]: value } }))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.code).toBe('ERR_TRACING_OPTION')
    expect(error.message).toContain(`@mcp-prod/tracing: ${name} must `)
    expect(error.message).toContain(value)
    expect(error.message).toContain(remedy)
  })

  it.each(['1.5', '-0.1', 'half', 'NaN'])('OTEL_TRACES_SAMPLER_ARG=%s', (ratio) => {
    const env = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: ratio }
    expect(errorOf(() => startTracing({ ...options, env })).message).toContain(ratio)
  })

  it('without showing the credentials of a URL', () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'htp://me:hunter2@collector?key=hunter2' }
    expect(errorOf(() => startTracing({ ...options, env })).message).not.toContain('hunter2')
  })

  it.each([
    ['serviceName', ''],
    ['serviceVersion', 7],
    ['logger', { info() {} }],
    ['closeTimeoutMs', -1],
    ['closeTimeoutMs', '3s'],
    ['closeTimeoutMs', 2 ** 31],
  ])('option %s: %s', (name, value) => {
    const error = errorOf(() => startTracing({ ...options, env: {}, [name]: value }))
    expect(error).toMatchObject({
      code: 'ERR_TRACING_OPTION',
      message: expect.stringContaining(name),
    })
  })
})

describe('the environment', () => {
  it('names the service before the program does, and adds what it likes', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, {
      OTEL_SERVICE_NAME: 'shop-eu',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=prod,service.name=lost',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2',
      OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
    })
    tracing.span('work', {}, () => {})
    const [span] = await collector.until(1)
    expect(span?.service).toMatchObject({
      'service.name': 'shop-eu',
      'service.version': '1.2.3',
      'deployment.environment.name': 'prod',
      'service.instance.id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
    expect(collector.requests[0]?.headers.authorization).toBe('Bearer hunter2')
    expect(collector.requests[0]?.url).toBe('/v1/traces')
  })

  it('that was given is used alone, and process.env is as it was', async () => {
    const collector = await sink()
    vi.stubEnv('OTEL_SERVICE_NAME', 'stray')
    vi.stubEnv('OTEL_TRACES_SAMPLER', 'always_off')
    const before = { ...process.env }
    const { tracing } = tracingTo(collector.url)
    expect({ ...process.env }).toEqual(before)
    tracing.span('work', {}, () => {})
    const [span] = await collector.until(1)
    expect(span?.service['service.name']).toBe('shop')
  })

  it('turns it off: nothing is made, passed on or counted', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, { OTEL_SDK_DISABLED: 'TRUE' })
    let sent: unknown = 'nothing'
    await tracing.traceClient(
      { client: 'a', method: 'GET', url: new URL('http://a'), attempt: 1 },
      async (headers) => {
        sent = headers
        return {}
      },
    )
    expect(sent).toBeUndefined()
    expect(await tracing.traceCall(callOf(), async () => ({ outcome: 'ok' }))).toEqual({
      outcome: 'ok',
    })
    expect(tracing.span('work', {}, () => 3)).toBe(3)
    await tracing.close()
    expect(collector.requests).toEqual([])
    expect(tracing.stats()).toEqual({ exported: 0, failed: 0, dropped: 0 })
  })

  it('without an exporter passes traces on and sends nothing', async () => {
    const collector = await sink()
    const { tracing } = tracingTo(collector.url, { OTEL_TRACES_EXPORTER: 'none' })
    let sent: Record<string, string> | undefined
    await tracing.traceClient(
      { client: 'a', method: 'GET', url: new URL('http://a'), attempt: 1 },
      async (headers) => {
        sent = headers
        return { status: 200 }
      },
    )
    expect(sent?.traceparent).toMatch(/^00-/)
    await tracing.close()
    expect(collector.requests).toEqual([])
  })

  it('may ask for protobuf, which it is told is JSON', async () => {
    const collector = await sink()
    const { tracing, logger } = tracingTo(collector.url, {
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf',
    })
    tracing.span('work', {}, () => {})
    await collector.until(1)
    expect(logger.warn).toHaveBeenCalledWith(expect.stringContaining('http/json'), {})
  })

  it('may be broken in what the SDK reads: that is told without tokens', async () => {
    const collector = await sink()
    const file = join(tmpdir(), `tracing-${process.pid}.pem`)
    await writeFile(file, 'no certificate')
    const { tracing, logger } = tracingTo(collector.url, {
      OTEL_SPAN_LINK_COUNT_LIMIT: 'hunter2-token',
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20hunter2-token,api-key=hunter2-token',
      OTEL_EXPORTER_OTLP_CERTIFICATE: file,
    })
    tracing.span('work', {}, () => {})
    await collector.until(1)
    const lines = JSON.stringify(logger.warn.mock.calls)
    expect(lines).toContain('OTEL_SPAN_LINK_COUNT_LIMIT')
    expect(lines).not.toContain('hunter2')
  })
})
