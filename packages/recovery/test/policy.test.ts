import { readFile } from 'node:fs/promises'
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { BIG_BYTES } from './fixtures/routes.js'
import { type RunningServer, startServer } from './support/server.js'

const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/)
const internalError = {
  error: 'internal_error',
  message: 'Internal Server Error',
  correlationId: uuid,
}

/** One process for all that it must survive. */
let server: RunningServer
beforeAll(async () => {
  server = await startServer()
}, 60_000)
beforeEach(() => {
  server.lines.length = 0
})

/** Each line of the policy in the README, by the text of its first column. */
const policy: Record<string, () => Promise<void>> = {
  async 'a handler throws or rejects, with any value, before its answer began'() {
    const { get, of } = server
    const values = [
      'error',
      'bigint',
      'symbol',
      'proxy',
      'throwing-getters',
      'circular',
      'thenable',
    ]
    for (const way of ['throw', 'reject']) {
      for (const value of values) {
        const answer = await get(`/${way}/${value}`)
        expect([way, value, answer.status]).toEqual([way, value, 500])
        expect(await answer.json()).toEqual(internalError)
      }
    }
    await vi.waitFor(() => expect(of('request failed')).toHaveLength(2 * values.length))
    expect(await (await get('/ok')).text()).toBe('ok')
  },

  async 'the same after its answer began, a stream’s too'() {
    const { get, raw, of } = server
    const request = (how: string, version = '1.1') =>
      raw(`GET /begun/${how} HTTP/${version}\nHost: x\nConnection: keep-alive\n\n`)
    for (const how of ['chunked', 'sse']) {
      const { text } = await request(how)
      expect(text).toContain('half')
      // The empty chunk that ends a whole answer.
      expect(text).not.toMatch(/\r\n0\r\n\r\n$|hunter2/)
    }
    const { text } = await request('length')
    expect(text).toMatch(/Content-Length: 8\r\n.*\r\n\r\nhalf$/s)
    // Here the end of the connection is the end of the answer: only a reset shows that it is not whole.
    expect(await request('chunked', '1.0')).toMatchObject({ end: 'ECONNRESET' })
    await vi.waitFor(() => expect(of('request failed')).toHaveLength(4))
    expect((await get('/ok')).status).toBe(200)
  },

  async 'a handler answers twice, or fails after its answer ended'() {
    const { get, of } = server
    for (const path of ['/twice', '/after']) {
      const answer = await get(path)
      // A slow reader: most of the answer still waits in the server when the handler fails.
      await new Promise((resolve) => setTimeout(resolve, 200))
      expect((await answer.text()).length).toBe(BIG_BYTES)
    }
    expect(await (await get('/long-after')).text()).toBe('answered')
    await vi.waitFor(() => expect(of('error after the answer')).toHaveLength(3))
    expect(of('error after the answer')[0]?.error).toContain('ERR_HTTP_HEADERS_SENT')
    expect((await get('/ok')).status).toBe(200)
  },

  async 'an error handler before `recover` fails'() {
    const { get, of } = server
    expect(await (await get('/throw/string')).json()).toEqual(internalError)
    await vi.waitFor(() => expect(of('request failed')).toHaveLength(1))
    expect(of('request failed')[0]?.error).toContain('an error handler fails')
  },

  async 'the answer itself fails: `isRpc`, a `json replacer` or a wrapper of `res.json` throws'() {
    const { get, of } = server
    for (const obstacle of ['isRpc', 'replacer', 'json']) {
      const answer = await get(`/throw/error?obstacle=${obstacle}`)
      expect([obstacle, answer.status, await answer.text()]).toEqual([obstacle, 500, ''])
    }
    await vi.waitFor(() => expect(of('no answer to a failed request')).toHaveLength(3))
    expect(of('no answer to a failed request')[0]?.error).toContain('broken')
    expect(of('request failed')).toHaveLength(3)
    expect((await get('/ok')).status).toBe(200)
  },

  async 'Express refuses by itself (`expose`, or a path that does not decode)'() {
    const { get } = server
    const answer = await get('/files/%E0%A4%A')
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ error: 'refused', message: 'Bad Request' })
  },

  async 'an error only has a `status`, as an upstream’s would'() {
    const { get } = server
    expect(await (await get('/upstream')).json()).toEqual(internalError)
  },

  async "no route takes the request (`notFound`), also after `next('route')` or when something falsy is thrown, which Express takes for `next()`"() {
    const { get } = server
    const next = ['route', 'null'].map((what) => `/next/${what}`)
    const falsy = ['undefined', 'null', 'zero', 'text', 'route'].map((what) => `/falsy/${what}`)
    for (const path of ['/nothing', ...next, ...falsy]) {
      const answer = await get(path)
      expect([path, answer.status]).toEqual([path, 404])
      expect(await answer.json()).toEqual({ error: 'not_found' })
    }
  },

  async 'the client goes away'() {
    const { get, of } = server
    await expect(get('/gone')).rejects.toThrow('fetch failed')
    await vi.waitFor(() => expect(of('request refused or cut off')).toHaveLength(1))
    expect(of('request refused or cut off')[0]).toMatchObject({ level: 'info' })
    expect((await get('/ok')).status).toBe(200)
  },

  async '`unhandledRejection`: a forgotten await, a listener that rejects'() {
    const { get, of } = server
    for (const how of ['forgotten-await', 'finish-listener']) {
      expect(await (await get(`/rejected/${how}`)).text()).toBe('begun')
    }
    await vi.waitFor(() => expect(of('counted')).toHaveLength(2))
    expect(of('unhandled rejection').map(({ error }) => String(error).split('\n')[0])).toEqual([
      'Error: forgotten',
      'Error: in a listener',
    ])
    await get('/rejected/hostile')
    await vi.waitFor(() => expect(of('counted')).toHaveLength(17))
    expect((await get('/ok')).status).toBe(200)
    expect(of('stop')).toEqual([])
  },

  async '`uncaughtException`: in a timer, a microtask, a listener, an `error` event without one'() {
    const ending = await startServer()
    const slow = ending.get('/slow')
    await ending.get('/ok')
    await ending.get('/uncaught/timer')
    expect(await (await slow).text()).toBe('slow')
    expect(await ending.exited).toBe(1)
    expect(ending.of('uncaught exception')).toHaveLength(1)
    expect(ending.of('counted')).toEqual([{ message: 'counted', kind: 'uncaughtException' }])
    const stop = { message: 'stop', reason: 'uncaughtException', exitCode: 1 }
    expect(ending.of('stop')).toEqual([stop])

    // That the others come the same way is seen in a process that survives them.
    const uncaughtException = 'dangerouslyContinue'
    const { get, of } = await startServer({ policy: { uncaughtException } })
    const ways = ['next-tick', 'microtask', 'error-event', 'finish-listener', 'hostile']
    for (const way of [...ways, 'undefined']) {
      await get(`/uncaught/${way}`)
    }
    await vi.waitFor(() => expect(of('uncaught exception')).toHaveLength(6))
    expect(of('counted')).toHaveLength(6)
    expect((await get('/ok')).status).toBe(200)
  },

  async 'either of them while stopping'() {
    const { get, of, exited } = await startServer()
    await get('/uncaught/mixed')
    expect(await exited).toBe(1)
    expect(of('unhandled rejection')).toHaveLength(5)
    expect(of('stop')).toHaveLength(1)
  },

  async '`stop` hangs, throws or rejects'() {
    for (const stop of ['hangs', 'throws', 'rejects'] as const) {
      const exitTimeoutMs = stop === 'hangs' ? 300 : 60_000
      const { get, of, exited } = await startServer({ stop, policy: { exitTimeoutMs } })
      await get('/uncaught/timer')
      expect([stop, await exited]).toEqual([stop, 1])
      expect(of('stop failed')).toHaveLength(stop === 'hangs' ? 0 : 1)
    }
  },

  async 'thousands of errors a second'() {
    const { get, of } = server
    await get('/rejected/flood?count=5000')
    await vi.waitFor(() => expect(of('counted')).toHaveLength(5000), 10_000)
    await vi.waitFor(() => expect(of('further lines left out').length).toBeGreaterThan(0), 5_000)
    await vi.waitFor(() => {
      const told = of('unhandled rejection').length
      const omitted = of('further lines left out').map(({ count }) => Number(count))
      expect(told + omitted.reduce((sum, count) => sum + count, 0)).toBe(5000)
      expect(told).toBeLessThanOrEqual(10 * omitted.length)
    }, 5_000)
    expect((await get('/ok')).status).toBe(200)
  },

  async 'the logger or a hook throws or rejects'() {
    for (const how of ['throws', 'rejects'] as const) {
      const { get, of, exited, onStderr } = await startServer({ logger: how, hook: how })
      expect((await get('/throw/error')).status).toBe(500)
      await get('/rejected/forgotten-await')
      await new Promise((resolve) => setTimeout(resolve, 300))
      // A rejection of the logger that came back as one more error would be told without end.
      expect(of('counted')).toHaveLength(1)
      await get('/uncaught/timer')
      expect([how, await exited]).toEqual([how, 1])
      const message = '@mcp-prod/recovery: the logger or a hook failed; its lines may be missing'
      expect(onStderr(message)).toMatchObject([{ level: 'error' }])
    }
  },

  async 'Node warns'() {
    const { get, of } = server
    await get('/warn')
    await vi.waitFor(() => expect(of('process warning')).toHaveLength(1))
    const fields = { name: 'DeprecationWarning', warning: 'careful', level: 'warn' }
    expect(of('process warning')[0]).toMatchObject(fields)
  },

  async 'the event loop is blocked for `blockedMs`'() {
    const watch = { blockedMs: 300, service: 'shop', version: '1.4.0' }
    const { get, of, onStderr } = await startServer({ watch })
    let answered = false
    const answer = get('/block?ms=6000').then((response) => {
      answered = true
      return response.text()
    })
    await vi.waitFor(() => expect(onStderr('event loop blocked')).toHaveLength(1), 5_500)
    expect(answered).toBe(false)
    expect(onStderr('event loop blocked')[0]).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      level: 'warn',
      message: 'event loop blocked',
      ...{ service: 'shop', version: '1.4.0' },
      durationMs: expect.any(Number),
      cpuMs: expect.any(Number),
      stack: expect.stringMatching(/at spin \(file:.*routes\.ts:\d+:\d+\)/),
    })
    expect(await answer).toBe('turned')
    await vi.waitFor(() => expect(of('measured')).toHaveLength(1))
    expect(of('measured')[0]?.durationMs).toBeGreaterThan(2_000)
    expect(of('event loop was blocked')[0]).toMatchObject({
      level: 'warn',
      durationMs: of('measured')[0]?.durationMs,
      stack: expect.stringContaining('at spin ('),
    })
  },

  async 'it is blocked for `killAfterMs`'() {
    const { get, exited, onStderr } = await startServer({
      watch: { blockedMs: 300, killAfterMs: 1_000 },
    })
    await expect(get('/block?ms=120000')).rejects.toThrow('fetch failed')
    expect(await exited).toBe('SIGKILL')
    expect(onStderr('event loop blocked, ending the process')).toMatchObject([
      { level: 'error', stack: expect.stringContaining('at spin (') },
    ])
  },

  async 'the whole process stands still: stopped, suspended, throttled'() {
    const watch = { blockedMs: 1_000, killAfterMs: 2_000 }
    const { get, of, stderr, child } = await startServer({ watch })
    // The thread of the watch needs a while to start.
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const answer = get('/stop')
    await vi.waitFor(() => expect(of('stopping')).toHaveLength(1), 5_000)
    await new Promise((resolve) => setTimeout(resolve, 4_000))
    child.kill('SIGCONT')
    expect(await (await answer).text()).toBe('turned')
    expect((await get('/ok')).status).toBe(200)
    expect(of('measured')).toEqual([])
    expect(stderr).toEqual([])
  },

  async 'a debugger may be attached (`--inspect`)'() {
    const watch = { blockedMs: 200, killAfterMs: 400 }
    const { get, of, onStderr } = await startServer({ watch }, ['--inspect=0'])
    expect(await (await get('/block?ms=1500')).text()).toBe('turned')
    expect(of('measured')).toEqual([])
    expect(onStderr('event loop blocked')).toEqual([])
  },
}

describe('the policy', () => {
  it.each(Object.entries(policy))('%s', { timeout: 60_000 }, async (_, holds) => holds())

  it('is that of the README, line by line', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
    const section = readme.split('## The policy')[1]?.split('\n## ')[0] ?? ''
    const rows = [...section.matchAll(/^\| (.+?) +\|/gm)].map(([, first]) => first).slice(1)
    expect(rows.filter((row) => !/^-+$/.test(row ?? ''))).toEqual(
      Object.keys(policy).map((row) => row.replaceAll('’', "'")),
    )
  })
})
