import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import * as z from 'zod'
import {
  defineTool,
  type InWorkerOptions,
  inWorker,
  type ToolContext,
  type WorkerContext,
} from '../src/index.js'
import { connect, modernCall, post, serve } from './support.js'
import type { Act, run as runHostile } from './workers/hostile.worker.js'
import type { run as runPrimes } from './workers/primes.worker.js'

// Each thread of a test loads tsx first.
vi.setConfig({ testTimeout: 120_000 })

const fileOf = (name: string) => new URL(`./workers/${name}.worker.js`, import.meta.url)
const pools: { close(): Promise<void> }[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

/** Two tools that do one of the bad things in the threads of one pool; `brief` has a second for it. */
function hostile(options: InWorkerOptions = {}) {
  const run = inWorker<typeof runHostile>(fileOf('hostile'), options)
  pools.push(run)
  const tool = (name: string, timeoutMs: number) =>
    defineTool({
      name,
      description: 'Behaves badly',
      input: z.object({ act: z.string() as unknown as z.ZodType<Act> }),
      timeoutMs,
      run,
    })
  return { tools: [tool('hostile', 60_000), tool('brief', 1000)], run }
}
const echo = defineTool({
  name: 'echo',
  description: 'Answers at once',
  input: z.object({}),
  run: () => 'here',
})
const call = (act: Act, name = 'hostile') => ({ name, arguments: { act } })

/** A pool without a server, for what concerns threads alone. */
function pool(options: InWorkerOptions = {}) {
  const run = inWorker<typeof runHostile>(fileOf('hostile'), options)
  pools.push(run)
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  return {
    log,
    close: run.close,
    call(act: Act, signal: AbortSignal = new AbortController().signal) {
      const context = { signal, log, principal: undefined, services: {}, progress: async () => {} }
      return run({ act }, context)
    },
  }
}
/** A thread says its number; with tsx each takes several. */
const threadOf = (text = '') => Number(/\d+/.exec(text)?.[0])

describe('inWorker', () => {
  it('runs a TypeScript file beside the one that is named, with the caller and typed output', async () => {
    const run = inWorker<typeof runPrimes>(fileOf('primes'))
    pools.push(run)
    const primes = defineTool({
      name: 'primes',
      description: 'Counts primes',
      input: z.object({ below: z.int() }),
      output: z.object({ count: z.int(), for: z.string() }),
      run,
    })
    const { url, events } = await serve([primes])
    const client = await connect(url)
    const result = await client.callTool({ name: 'primes', arguments: { below: 1000 } })
    expect(result.structuredContent).toEqual({ count: 168, for: 'alice' })
    expect(events[0]?.outcome).toBe('ok')
  })

  it('runs a JavaScript file', async () => {
    const run = inWorker(fileOf('compiled'))
    pools.push(run)
    const tool = defineTool({
      name: 'upper',
      description: 'Shouts',
      input: z.object({ text: z.string() }),
      run,
    })
    const { url } = await serve([tool])
    const result = await (await connect(url)).callTool({ name: 'upper', arguments: { text: 'hi' } })
    expect(result).toMatchObject({ content: [{ text: 'HI' }] })
  })

  it('hands over the principal and nothing else, least of all services', async () => {
    const { tools } = hostile()
    const { url } = await serve(tools, { services: { secret: () => 'hunter2' } as never })
    const result = await (await connect(url)).callTool(call('whoami'))
    const [content] = result.content as { text: string }[]
    expect(JSON.parse(content?.text ?? '')).toEqual({
      principal: { id: 'alice', clientId: 'key-1', scopes: [] },
    })
  })

  it('says in its types what crosses', () => {
    const schema = z.object({ below: z.int() })
    const base = { name: 't', description: 'd', input: schema }
    const needsServices = (_input: { below: number }, _context: ToolContext) => 'x'
    const takesText = (_input: { text: string }, _context: WorkerContext) => 'x'
    // Never called: only the compiler looks at it.
    const compiled = () => {
      // @ts-expect-error services cannot cross
      inWorker<typeof needsServices>(fileOf('primes'))
      // @ts-expect-error the worker takes another input than the schema gives
      defineTool({ ...base, run: inWorker<typeof takesText>(fileOf('primes')) })
      // @ts-expect-error the worker returns a number, which is no output
      defineTool({ ...base, run: inWorker<() => number>(fileOf('primes')) })
      defineTool({ ...base, run: inWorker<typeof needsNothing>(fileOf('primes')) })
      defineTool({ ...base, run: inWorker(fileOf('primes')) })
    }
    const needsNothing = () => 'x'
    expect(compiled).toBeTypeOf('function')
  })
})

describe('a thread that does not answer', () => {
  it('is ended at the timeout, while the server answers others, and the next call has a fresh one', async () => {
    const { tools } = hostile({ maxThreads: 1 })
    const { url, events } = await serve([...tools, echo])
    const client = await connect(url)
    for (const act of ['loop', 'sleepInAtomics', 'never'] as const) {
      const [before] = (await client.callTool(call('ok'))).content as { text: string }[]
      events.length = 0
      const hanging = client.callTool(call(act, 'brief'))
      expect(JSON.stringify(await client.callTool({ name: 'echo' }))).toContain('here')
      expect(JSON.stringify(await hanging)).toContain('did not answer within 1000 ms')
      expect(events.map(({ outcome }) => outcome)).toEqual(['ok', 'timeout'])
      const [after] = (await client.callTool(call('ok'))).content as { text: string }[]
      expect(threadOf(after?.text)).toBeGreaterThan(threadOf(before?.text))
    }
  })

  it('is ended when the client goes away', async () => {
    const { tools } = hostile({ maxThreads: 1 })
    const { url, events } = await serve(tools)
    const client = await connect(url)
    await client.callTool(call('ok'))
    const gone = new AbortController()
    const hanging = client.callTool(call('loop'), { signal: gone.signal })
    await sleep(100)
    gone.abort()
    await expect(hanging).rejects.toThrow()
    await vi.waitFor(() => expect(events.at(-1)?.outcome).toBe('cancelled'))
    expect(JSON.stringify(await client.callTool(call('ok')))).toContain('from thread')
  })

  it('is ended when the process must stop, with the idle ones', async () => {
    const stop = new AbortController()
    const { tools, run } = hostile()
    const { url, logger } = await serve(tools, { signal: stop.signal })
    const client = await connect(url)
    await client.callTool(call('ok'))
    const hanging = client.callTool(call('loop'))
    await sleep(200)
    const [idle] = (await client.callTool(call('ok'))).content as { text: string }[]
    stop.abort()
    expect(JSON.stringify(await hanging)).toContain('shutting down')
    const { signal } = new AbortController()
    const context = { signal, log: logger, principal: undefined, services: {}, async progress() {} }
    expect(threadOf(await run({ act: 'ok' }, context))).toBeGreaterThan(threadOf(idle?.text))
  })

  it('counts as abandoned while it blocks in the system', async () => {
    const { tools } = hostile({ maxThreads: 1 })
    const ended: boolean[] = []
    const { url } = await serve(tools, { onAbandoned: (event) => ended.push(event.ended) })
    const client = await connect(url)
    await client.callTool(call('ok'))
    await client.callTool(call('blockInSystem', 'brief'))
    await vi.waitFor(() => expect(ended).toEqual([false]), 10_000)
    await vi.waitFor(() => expect(ended).toEqual([false, true]), 20_000)
  })

  it('does not let a call starve that waits behind one that is aborted', async () => {
    const { call } = pool({ maxThreads: 1 })
    await call('ok')
    const gone = new AbortController()
    const hanging = call('loop', gone.signal)
    const waiting = call('ok')
    gone.abort(new Error('gone'))
    await expect(hanging).rejects.toThrow('gone')
    expect(await waiting).toContain('from thread')
  })

  it('keeps its place while it blocks in the system, so that threads stay bounded', async () => {
    const { call } = pool({ maxThreads: 1 })
    await call('ok')
    const order: string[] = []
    const note = (what: string) => () => order.push(what)
    const blocked = call('blockInSystem', AbortSignal.timeout(100)).catch(note('blocked'))
    const waiting = call('ok').then(note('waiting'))
    await sleep(500)
    // It has been told to end, and still is there.
    const later = call('ok').then(note('later'))
    await Promise.all([blocked, waiting, later])
    expect(order).toEqual(['blocked', 'waiting', 'later'])
  })

  it('is none of many: calls share a thread as long as it answers, and never use more than there may be', async () => {
    const { call } = pool({ maxThreads: 2 })
    const texts = await Promise.all(Array.from({ length: 20 }, () => call('ok')))
    expect(new Set(texts).size).toBeLessThanOrEqual(2)
  })
})

describe('a thread that fails', () => {
  it('is masked however it fails, and the next call is answered', async () => {
    const { tools } = hostile({ maxThreads: 1, maxHeapMb: 64 })
    const { url, events, logger } = await serve(tools)
    const failures: Act[] = [
      'throwSecret',
      'throwNothing',
      'throwFunction',
      'throwTrap',
      'returnFunction',
      'returnPoisoned',
      'exit',
      'exitCleanly',
      'rejectUnheard',
      'eatHeap',
    ]
    for (const act of failures) {
      const { body, headers } = modernCall('hostile', { act })
      const { text } = await post(url, body, headers)
      expect(text, act).toContain('correlation id')
      expect(text).not.toMatch(/hunter2|worker/)
      expect(logger.error).toHaveBeenLastCalledWith(
        'tool failed',
        expect.objectContaining({ error: expect.any(Error) }),
      )
    }
    const { body, headers } = modernCall('hostile', { act: 'ok' })
    expect((await post(url, body, headers)).text).toContain('from thread')
    expect(events.map(({ outcome }) => outcome)).toEqual([...failures.map(() => 'error'), 'ok'])
  })

  it('leaves the log what is needed: name, code, stack and cause', async () => {
    const error = await pool()
      .call('throwSecret')
      .catch((thrown) => thrown)
    expect(error).toMatchObject({
      name: 'Error',
      message: 'password=hunter2',
      code: 'E_SECRET',
      cause: { message: 'the cause' },
    })
    expect(error.stack).toContain('hostile.worker.ts')
  })

  it('lets a ToolError through with its message, also one known by its code alone', async () => {
    const { tools } = hostile({ maxThreads: 1 })
    const { url, events } = await serve(tools)
    const client = await connect(url)
    for (const [act, text] of [
      ['throwToolError', 'there is no such prime'],
      ['throwLikeToolError', 'by its code'],
    ] as const) {
      expect(await client.callTool(call(act))).toMatchObject({ isError: true, content: [{ text }] })
      expect(events.at(-1)?.outcome).toBe('tool_error')
    }
  })

  it('takes nothing that the tool posts for its answer', async () => {
    const { call } = pool({ maxThreads: 1 })
    expect(await call('postStray')).toBe('the real answer')
    expect(await call('ok')).toContain('from thread')
  })

  it.each<[Act, object]>([
    ['exitWhenIdle', { exitCode: 4, error: undefined }],
    [
      'throwWhenIdle',
      { exitCode: 1, error: expect.objectContaining({ message: 'thrown when idle' }) },
    ],
  ])('after its answer is logged and replaced (%s)', async (act, fields) => {
    const { call, log } = pool({ maxThreads: 1 })
    expect(await call(act)).toContain('then')
    await vi.waitFor(() =>
      expect(log.warn).toHaveBeenCalledWith('idle worker thread ended', fields),
    )
    expect(await call('ok')).toContain('from thread')
  })

  it.each(['broken', 'empty'])('to load its file (%s) fails each call, masked', async (name) => {
    const run = inWorker(fileOf(name))
    pools.push(run)
    const tool = defineTool({ name: 't', description: 'd', input: z.object({}), run })
    const { url, events } = await serve([tool])
    for (let i = 0; i < 2; i++) {
      const { body, headers } = modernCall('t', {})
      const { text } = await post(url, body, headers)
      expect(text).toContain('correlation id')
      expect(text).not.toContain('hunter2')
    }
    expect(events.map(({ outcome }) => outcome)).toEqual(['error', 'error'])
  })

  it('to be handed an input that cannot be copied costs no thread', async () => {
    const run = inWorker(fileOf('compiled'))
    pools.push(run)
    const tool = defineTool({
      name: 't',
      description: 'd',
      input: z.object({ text: z.string().transform((text) => (text === 'bad' ? () => {} : text)) }),
      run,
    })
    const { url } = await serve([tool])
    for (const [text, expected] of [
      ['bad', 'correlation id'],
      ['good', 'GOOD'],
    ] as const) {
      const { body, headers } = modernCall('t', { text })
      expect((await post(url, body, headers)).text).toContain(expected)
    }
  })
})

describe('the queue', () => {
  it('refuses at once what is too much, as overloaded', async () => {
    const { tools } = hostile({ maxThreads: 1, maxQueue: 1 })
    const { url, events } = await serve(tools)
    const client = await connect(url)
    await client.callTool(call('ok'))
    const inUse = [client.callTool(call('loop', 'brief')), client.callTool(call('never', 'brief'))]
    await sleep(300)
    expect(await client.callTool(call('ok'))).toMatchObject({
      isError: true,
      content: [{ text: 'The tool is busy: too many calls of it wait; try again later' }],
    })
    expect(events.map(({ outcome }) => outcome)).toEqual(['ok', 'overloaded'])
    await Promise.all(inUse)
    expect(JSON.stringify(await client.callTool(call('ok')))).toContain('from thread')
  })

  it('lets go of a call that is cancelled while it waits, and never runs it', async () => {
    const { call } = pool({ maxThreads: 1, maxQueue: 1 })
    await call('ok')
    const slow = call('slow')
    const gone = new AbortController()
    const waiting = call('exit', gone.signal)
    gone.abort(new Error('gone'))
    // Its place in the queue is free at once.
    const next = call('ok')
    await expect(waiting).rejects.toThrow('gone')
    expect(await slow).toBe('slow')
    expect(await next).toContain('from thread')
  })

  it('runs nothing for a signal that has aborted already', async () => {
    const { call } = pool({ maxThreads: 1 })
    await expect(call('exit', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })

  it('leaves no listener on a signal that lasts', async () => {
    const { call } = pool({ maxThreads: 1 })
    const { signal } = new AbortController()
    const add = vi.spyOn(signal, 'addEventListener')
    const remove = vi.spyOn(signal, 'removeEventListener')
    await Promise.all([call('ok', signal), call('ok', signal), call('ok', signal)])
    expect(add).toHaveBeenCalledTimes(5)
    for (const [, listener] of add.mock.calls)
      expect(remove.mock.calls.map(([, removed]) => removed)).toContain(listener)
  })
})

describe('close and idleMs', () => {
  it('end threads; a later call starts another', async () => {
    const { call, close } = pool({ idleMs: 60_000 })
    const first = threadOf(await call('ok'))
    await close()
    expect(threadOf(await call('ok'))).toBeGreaterThan(first)
    await close()
    await close()
  })

  it('keep no call waiting that comes while a thread ends', async () => {
    const { call, close } = pool({ maxThreads: 1 })
    await call('ok')
    const closed = close()
    expect(await call('ok')).toContain('from thread')
    await closed
  })

  it('let a running call end first', async () => {
    const { call, close } = pool()
    await call('ok')
    const slow = call('slow')
    await close()
    expect(await slow).toBe('slow')
  })

  it('end a thread that has no call for so long, without a word', async () => {
    const { call, log } = pool({ idleMs: 20 })
    const first = threadOf(await call('ok'))
    await sleep(500)
    expect(threadOf(await call('ok'))).toBeGreaterThan(first)
    expect(log.warn).not.toHaveBeenCalled()
  })
})

it.each<[string, () => unknown, string]>([
  ['a file that is not there', () => inWorker(fileOf('missing')), 'missing.worker.js'],
  ['a path', () => inWorker('./x.worker.js' as never), 'URL of a file'],
  ['a URL of the web', () => inWorker(new URL('https://example.com/x.js')), 'URL of a file'],
  ['no thread', () => inWorker(fileOf('primes'), { maxThreads: 0 }), 'maxThreads'],
  ['a queue of less than none', () => inWorker(fileOf('primes'), { maxQueue: -1 }), 'maxQueue'],
  ['too small a heap', () => inWorker(fileOf('primes'), { maxHeapMb: 1 }), 'maxHeapMb'],
  ['a time that is none', () => inWorker(fileOf('primes'), { idleMs: Number.NaN }), 'idleMs'],
])('refuses %s at creation', (_, create, names) => {
  expect(create).toThrow(
    expect.objectContaining({
      code: 'ERR_TOOLS_OPTION',
      message: expect.stringContaining(names),
    }),
  )
})
