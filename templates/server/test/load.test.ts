import { describe, expect, it } from 'vitest'
import { judgeAnswer } from '../load/judge-answer.js'
import { readOptions } from '../load/options.js'
import { recordCall } from '../load/record-call.js'
import { ERAS, type Era } from '../load/run.js'
import { runStage } from '../load/run-stage.js'
import { cpuSecondsOf, createServerCpu } from '../load/server-cpu.js'
import { speaks2026 } from './support/era.js'
import { runningApp } from './support/running-app.js'

const serverCpu = createServerCpu(undefined)

describe('the options', () => {
  const wrong: [string[], RegExp][] = [
    [['--max-connections', '0'], /--max-connections is "0"; give a whole number from 1 to 4096/],
    [['--max-connections', '1.5'], /--max-connections is "1.5"/],
    [['--stage-seconds', 'x'], /--stage-seconds is "x"; give a number from 0.2 to 600/],
    [['--max-error-rate', '101'], /--max-error-rate is "101"; give percents/],
    [['--max-p99', '5'], /--max-p99 is "5"; give a time .* 500ms/],
    [['--era', '2024'], /--era is "2024"; give 2026-07-28, 2025-11-25 or both/],
    [['--args', '[1]'], /--args is "\[1\]"; give a JSON object/],
    [['--args', '{a}'], /--args is "\{a\}"; give a JSON object/],
    [['--url', 'localhost:8080'], /--url is "localhost:8080"; give an http or https URL/],
    [['--metrics', '/metrics'], /--metrics is "\/metrics"/],
    [['--token-file', '/none'], /--token-file \/none cannot be read \(ENOENT\)/],
    [['--conections', '1'], /Unknown option '--conections'.*--help/],
    [['more'], /Unexpected argument 'more'/],
  ]
  it.each(wrong)('%j is refused with its value and a remedy', async (argv, message) => {
    await expect(readOptions(argv, { TOKEN: 'abc' })).rejects.toThrow(message)
  })

  it('takes no credential from the command line, and tells none', async () => {
    for (const argv of [
      ['--token=s3cret'],
      ['--token', 's3cret'],
      ['--url', 'http://me:s3cret@a/'],
    ]) {
      const refused = await readOptions(argv, { TOKEN: 'abc' }).catch(
        (error: Error) => error.message,
      )
      expect(refused).toContain('TOKEN')
      expect(refused).not.toContain('s3cret')
    }
    await expect(readOptions([], {})).rejects.toThrow(/no credential; set TOKEN/)
    await expect(readOptions([], { TOKEN: 's3cret\nX: y' })).rejects.toThrow(/spaces or signs/)
  })

  it('finds the development server, and uses its key and its metrics for that one alone', async () => {
    const env = { MCP_DEV_API_KEY: 'abc', PORT: '1234', ADMIN_PORT: '1235' }
    const elsewhere = ['--url', 'https://a.b/mcp']
    const options = await readOptions([], env)
    expect([options.url.href, options.token]).toEqual(['http://127.0.0.1:1234/mcp', 'abc'])
    expect(options.metricsUrl?.href).toBe('http://127.0.0.1:1235/metrics')
    await expect(readOptions(elsewhere, env), 'its key stays here').rejects.toThrow(/no credential/)
    expect((await readOptions(elsewhere, { ...env, TOKEN: 'a' })).metricsUrl).toBeUndefined()
  })
})

describe('an answer', () => {
  const json = (value: object) => JSON.stringify({ jsonrpc: '2.0', id: 7, ...value })
  const judged = (text: string, status = 200, type = 'application/json') =>
    judgeAnswer(status, type, text, 7)

  it('is a success only when its body says so', () => {
    expect(judged(json({ result: { content: [] } })).kind).toBe('ok')
    expect(judged(json({ result: { resultType: 'complete' } })).kind).toBe('ok')
    const failures: [string, string][] = [
      [json({ result: { isError: true, content: [{ text: 'no mail' }] } }), 'tool error: no mail'],
      [json({ error: { code: -32603, message: 'internal' } }), 'JSON-RPC -32603 internal'],
      [json({ id: 8, result: {} }), 'an answer to another call'],
      [json({ result: { resultType: 'input_required' } }), 'result of type input_required'],
      [json({}), 'an answer without a result'],
      ['<html>', 'an answer that is no JSON-RPC'],
      ['', 'an answer that is no JSON-RPC'],
      ['null', 'an answer that is no JSON-RPC'],
    ]
    for (const [text, what] of failures) expect(judged(text)).toEqual({ kind: 'error', what })
    expect(judged('{}', 500)).toMatchObject({ kind: 'error', what: 'HTTP 500' })
  })

  it('is the last message of an event stream', () => {
    const progress = { jsonrpc: '2.0', method: 'notifications/progress' }
    const stream = (last: string) =>
      `event: message\ndata: ${JSON.stringify(progress)}\n\nevent: message\ndata: ${last}\n\n`
    const type = 'text/event-stream'
    expect(judged(stream(json({ result: {} })), 200, type).kind).toBe('ok')
    expect(judged(stream(json({ result: { isError: true } })), 200, type).kind).toBe('error')
    expect(judged(stream('{"jsonrpc"'), 200, type).kind).toBe('error')
  })

  it('tells a refusal from an error, and which limit it was', () => {
    expect(judged(json({ error: { message: 'overloaded' } }), 503).kind).toBe('refused')
    const limited = (policy?: string) =>
      judged(json({ error: { message: 'no', data: { policy } } }), 429)
    expect(limited('principal')).toMatchObject({
      kind: 'limited',
      remedy: expect.stringContaining('start the server with IP_LIMIT_PER_MINUTE='),
    })
    expect(limited('concurrency')).toMatchObject({
      remedy: expect.stringContaining('MAX_CONCURRENT_CALLS=100000'),
    })
    for (const policy of [undefined, 'constructor']) {
      expect(limited(policy)).toMatchObject({ remedy: expect.stringContaining('a proxy in front') })
    }
  })

  it('brings neither control characters nor an id of its own into the counts', () => {
    const said = (text: string) => judged(json({ error: { code: 1, message: text } }))
    expect(said('\x1b[2Jgone')).toEqual({ kind: 'error', what: 'JSON-RPC 1 [2Jgone' })
    const id = '2dd6e3ae-0f5c-4ef1-9f3b-0c7e1ff40c11'
    expect(said(`correlation ${id}`)).toEqual({ kind: 'error', what: 'JSON-RPC 1 correlation …' })
  })
})

it("adds up the workers' processor time", () => {
  const lines = [
    '# TYPE process_cpu_seconds_total counter',
    'process_cpu_seconds_total{worker="1"} 1.5',
    'process_cpu_seconds_total{worker="2"} 2 1700000000',
    'process_cpu_user_seconds_total 9',
  ]
  expect(cpuSecondsOf(lines.join('\n'))).toBe(3.5)
  expect(cpuSecondsOf('else 1')).toBeNull()
})

it('calls this server in its eras, as the SDK does', async () => {
  const app = await runningApp()
  const { url, token } = app
  const wanted = { url, token, tool: 'countdown', args: { seconds: 1 }, allowWrites: false }
  const eras: readonly [Era, ...Era[]] = speaks2026 ? ERAS : ['2025-11-25']
  await Promise.all(
    eras.map(async (era) => {
      const call = await recordCall(era, wanted)
      const { signal } = new AbortController()
      const options = { connections: 3, seconds: 0.5, timeoutMs: 10_000, signal, serverCpu }
      const { stage } = await runStage(call, options)
      expect(stage).toMatchObject({ calls: 3, errors: 0, refused: 0, failures: [] })
      expect(stage.latencyMs?.p50).toBeGreaterThan(990)
      // Though none was answered within its stage.
      expect(stage.callsPerSecond).toBeGreaterThan(0)
      await call.close()
    }),
  )
  const refused = (change: object) => recordCall(eras[0], { ...wanted, ...change })
  await expect(refused({ tool: 'none' })).rejects.toThrow(/no tool none; choose .*: countdown/)
  await expect(refused({ args: { seconds: 99 } })).rejects.toThrow(/seconds/)
  await app.close()
})
