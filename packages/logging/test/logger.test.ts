import { AsyncLocalStorage } from 'node:async_hooks'
import { Writable } from 'node:stream'
import { describe, expect, it, vi } from 'vitest'
import winston from 'winston'
import { createLogger } from '../src/index.js'
import { capture } from './capture.js'

describe('a line', () => {
  it('is one JSON object: time, level, message, service, version, then the fields', async () => {
    const { logger, raw } = capture({ service: 'shop', version: '1.2.3' })
    logger.info('listening', { port: 8080, tls: false, cause: null })
    const text = await raw()
    expect(text).toMatch(
      /^\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","level":"info","message":"listening",/,
    )
    expect(
      text.endsWith('"service":"shop","version":"1.2.3","port":8080,"tls":false,"cause":null}\n'),
    ).toBe(true)
  })

  it.each([
    ['a newline', 'a\n{"level":"error","message":"forged"}'],
    ['a carriage return', 'a\r\n{"level":"error"}'],
    ['U+2028 and U+2029', 'a\u2028b\u2029c'],
    ['NEL and other C1 controls', 'a\u0085b\u009b31mc'],
    ['an ANSI escape', '\u001b[2J\u001b[31mred'],
    ['a bidi override', 'a\u202eb\u2066c'],
    ['a lone surrogate', 'a\ud800b\udfffc'],
    ['NUL and a quote', 'a\u0000"},{"b'],
  ])('stays one line of printable text with %s in message, key or value', async (_name, text) => {
    const { logger, raw } = capture({ service: text, version: text })
    logger.info(text, { [text]: text, list: [text], deep: { [text]: text } })
    const written = await raw()
    // Printable characters of ASCII and one newline: whatever else was in it is escaped.
    expect(written).toMatch(/^[ -~]+\n$/)
    expect(written.split('\n')).toHaveLength(2)
    expect(JSON.parse(written)).toMatchObject({
      service: text,
      version: text,
      message: text,
      [text]: text,
      list: [text],
    })
  })

  it('keeps its own names from fields, and the fields under another name', async () => {
    const { logger, lines } = capture({ service: 'shop', version: '1' })
    const forged = {
      time: 1,
      level: 'error',
      message: 'forged',
      service: 'x',
      version: '9',
      level_: 'too',
    }
    logger.info('true', forged)
    const [line] = await lines()
    expect(line).toMatchObject({ level: 'info', message: 'true', service: 'shop', version: '1' })
    expect(line).toMatchObject({
      time_: 1,
      level_: 'error',
      message_: 'forged',
      service_: 'x',
      version_: '9',
    })
    expect(line?.time).not.toBe(1)
  })

  it('has each name once, also where the message or the origin is missing', async () => {
    const { logger, lines } = capture()
    const fields = { message: 'f', service: 'f', version: 'f', requestId: 'f', toString: 'f' }
    logger.info(undefined as unknown as string, fields)
    expect(Object.entries((await lines())[0] ?? {}).slice(2)).toEqual([
      ['message', ''],
      ['message_', 'f'],
      ['service_', 'f'],
      ['version_', 'f'],
      ['requestId', 'f'],
      ['toString', 'f'],
    ])
  })

  it('has the fields of a map in their order, the first of a name, and those before a key that is no text', async () => {
    const { logger, lines } = capture()
    const odd: [unknown, unknown][] = [
      ['b', 1],
      [2, 'first'],
      ['2', 'second'],
      ['a', undefined],
    ]
    logger.info('map', new Map([...odd, [Object.create(null), 3], ['c', 4]]))
    logger.info({ message: null })
    const [line, empty] = await lines()
    expect(line).toMatchObject({ b: 1, '2': 'first', fields: '[threw]' })
    expect(Object.keys(line ?? {})).not.toContain('c')
    expect(Object.keys(empty ?? {})).toEqual(['time', 'level', 'message'])
  })

  it('is not skipped because a field says that it is an exception', async () => {
    const { one } = capture()
    expect(await one({ exception: true })).toMatchObject({ message: 'test', exception_: true })
  })

  it('takes no prototype from a field', async () => {
    const { one } = capture()
    const line = await one(JSON.parse('{"__proto__":{"polluted":1},"constructor":2}'))
    expect(Object.hasOwn(line, '__proto__')).toBe(true)
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
    expect(line.constructor).toBe(2)
  })
})

describe('what is logged', () => {
  it('can be anything, and never throws', async () => {
    const { one } = capture()
    const circular: Record<string, unknown> = { a: 1 }
    circular.self = circular
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const line = await one({
      circular,
      proxy,
      big: 10n ** 30n,
      symbol: Symbol('s'),
      get throwing() {
        throw new Error('getter')
      },
      json: {
        toJSON() {
          throw new Error('toJSON')
        },
      },
      run: () => 1,
      infinite: Number.POSITIVE_INFINITY,
      missing: undefined,
      map: new Map<unknown, unknown>([
        ['a', 1],
        [{}, 2],
        [Symbol('k'), 3],
      ]),
      set: new Set([1, 'two']),
      buffer: Buffer.from('secret bytes'),
      date: new Date(0),
      invalidDate: new Date(Number.NaN),
      pattern: /a+/g,
      bare: Object.assign(Object.create(null), { a: 1 }),
    })
    expect(line).toMatchObject({
      circular: { a: 1, self: '[circular]' },
      proxy: '[threw]',
      big: '1000000000000000000000000000000',
      symbol: 'Symbol(s)',
      throwing: '[threw]',
      json: '[threw]',
      run: '[function]',
      infinite: 'Infinity',
      map: { a: 1, '[object]': 2, 'Symbol(k)': 3 },
      set: [1, 'two'],
      buffer: '[12 bytes]',
      date: '1970-01-01T00:00:00.000Z',
      invalidDate: null,
      pattern: '/a+/g',
      bare: { a: 1 },
    })
    expect(line).not.toHaveProperty('missing')
  })

  it.each([
    [
      'a revoked proxy',
      () => {
        const { proxy, revoke } = Proxy.revocable({}, {})
        revoke()
        return proxy
      },
    ],
    [
      'a proxy that refuses to list its keys',
      () =>
        new Proxy(
          {},
          {
            ownKeys() {
              throw new Error('no keys')
            },
          },
        ),
    ],
    ['a text', () => 'text'],
    ['a number', () => 7],
    ['a list', () => [1]],
    ['null', () => null],
  ])('writes the line also when the fields are %s', async (_name, make) => {
    const { logger, lines } = capture()
    Reflect.apply(logger.info, logger, ['kept', make()])
    expect(await lines()).toMatchObject([{ level: 'info', message: 'kept' }])
  })

  it('shows an error with its name, code, stack and causes', async () => {
    const { logger, lines } = capture()
    const cause = Object.assign(new TypeError('socket closed'), { code: 'ECONNRESET', errno: -104 })
    logger.error('failed', { error: new AggregateError([new Error('one')], 'outer', { cause }) })
    logger.error('failed', new Error('alone'))
    logger.error(new Error('only'))
    const [first, second, third] = await lines()
    expect(first?.error).toMatchObject({
      name: 'AggregateError',
      message: 'outer',
      stack: expect.stringContaining('logger.test.ts'),
      cause: { name: 'TypeError', message: 'socket closed', code: 'ECONNRESET', errno: -104 },
      errors: [{ message: 'one' }],
    })
    expect(second).toMatchObject({ message: 'failed', error: { message: 'alone' } })
    expect(third).toMatchObject({ message: 'only', error: { stack: expect.any(String) } })
  })

  it('is bounded in length, breadth and depth', async () => {
    const { logger, raw, lines } = capture()
    let deep: unknown = 'end'
    for (let i = 0; i < 10_000; i++) deep = { deep }
    const wide = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, i]))
    const controls = '\u0001'.repeat(1_000_000)
    logger.info('x'.repeat(1_000_000), {
      deep,
      list: new Array(1e9),
      wide,
      controls,
      [controls]: 1,
    })
    logger.info(
      'many',
      Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`k${i}`, 'y'.repeat(9000)])),
    )
    const text = await raw()
    for (const line of text.split('\n')) expect(line.length).toBeLessThan(200_000)
    const [line] = await lines()
    expect(line?.message).toMatch(/^x{8192}\[cut, 1000000 characters\]$/)
    expect(line?.list).toHaveLength(101)
    expect(line?.list).toContain('[999999900 more]')
    expect(JSON.stringify(line?.deep)).toContain('"[object]"')
    expect(line?.wide).toMatchObject({ key99: 99, '...': '[9900 more]' })
  })

  it('is read when it is logged, not later', async () => {
    const { logger, lines } = capture()
    const child = logger.child({ component: 'db' })
    const state = { phase: 'before' }
    child.info('one', state)
    state.phase = 'after'
    expect(await lines()).toMatchObject([{ component: 'db', phase: 'before' }])
  })
})

describe('the logger', () => {
  it('is a winston logger: levels, log(), entries, children, functions on their own', async () => {
    const { logger, lines } = capture()
    expect(logger).toBeInstanceOf(winston.Logger)
    logger.log('warn', 'a', { n: 1 }).log({ level: 'error', message: 'b', n: 2 })
    logger.info({ message: 'c', n: 3 })
    const throwing = {
      get bad() {
        throw new Error('getter')
      },
    }
    logger
      .child({ component: 'db', level: 'error', message: 'forged' })
      .child(throwing)
      .info('d', { n: 4 })
    const { info } = logger
    info('e %s', { n: 5 })
    logger.write({ level: 'info', message: 'f', n: 6 })
    const all = await lines()
    expect(all.map(({ level, message, n }) => [level, message, n])).toEqual([
      ['warn', 'a', 1],
      ['error', 'b', 2],
      ['info', 'c', 3],
      ['info', 'd', 4],
      ['info', 'e %s', 5],
      ['info', 'f', 6],
    ])
    expect(all[3]).toMatchObject({ component: 'db', bad: '[threw]' })
  })

  it('writes a frozen entry and one with an unknown level', async () => {
    const { logger, lines } = capture()
    logger.info(Object.freeze({ message: 'frozen' }))
    logger.log('loud","forged":"1', 'unknown')
    logger.log(Object.freeze({ level: 'constructor', message: 'inherited' }))
    expect((await lines()).map(({ level, message }) => [level, message])).toEqual([
      ['info', 'frozen'],
      ['info', 'unknown'],
      ['info', 'inherited'],
    ])
  })

  it('changes its level at run time, also that of its children', async () => {
    const { logger, lines } = capture({ level: 'warn' })
    const child = logger.child({})
    logger.info('too low')
    logger.level = 'debug'
    child.debug('now')
    expect(() => {
      logger.level = 'loud'
    }).toThrow(expect.objectContaining({ code: 'ERR_LOGGING_OPTION' }))
    logger.level = 'error'
    child.warn('too low again')
    expect((await lines()).map(({ message }) => message)).toEqual(['now'])
  })

  it('does not read the fields of a line that is not written', () => {
    const { logger } = capture()
    const read = vi.fn()
    logger.debug('hidden', {
      get field() {
        return read()
      },
    })
    expect(read).not.toHaveBeenCalled()
  })

  it('adds what the context says when a line is logged, below all else', async () => {
    const storage = new AsyncLocalStorage<string>()
    const contextFields = vi.fn(() => ({
      traceId: storage.getStore(),
      spanId: 'span',
      level: 'error',
      requestId: 'r-1',
    }))
    const { logger, lines } = capture({ contextFields })
    const child = logger.child({ spanId: 'of the child' })
    await Promise.all(
      ['a', 'b'].map((id) =>
        storage.run(id, async () => {
          logger.info('one', { id })
          await new Promise((resolve) => setTimeout(resolve, 5))
          child.info('two', { id })
        }),
      ),
    )
    logger.info('mine', { traceId: 'own', id: 'own' })
    logger.info(new Error('alone'))
    logger.debug('below the level')
    logger.write({ level: 'info', message: 'written', id: undefined })
    expect(contextFields).toHaveBeenCalledTimes(7)
    const all = await lines()
    for (const line of all) expect(line).toMatchObject({ level: 'info', level_: 'error' })
    for (const line of all) expect(line.traceId).toBe(line.id)
    expect(all.filter(({ message }) => message === 'two')).toMatchObject([
      { spanId: 'of the child' },
      { spanId: 'of the child' },
    ])
  })

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('context')
      },
    ],
    ['knows nothing', () => undefined],
    ['gives a text', () => 'text'],
    ['gives much', () => Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, i]))],
    ['gives secrets', () => ({ token: 'hunter2' })],
  ])('writes the line when its context %s', async (_name, contextFields) => {
    const { logger, lines, raw } = capture({ contextFields: contextFields as () => object })
    logger.info('kept', { sku: 'a' })
    const [line = {}] = await lines()
    expect(line).toMatchObject({ message: 'kept', sku: 'a' })
    expect(Object.keys(line).length).toBeLessThan(40)
    expect(await raw()).not.toContain('hunter2')
  })

  it('hands other transports the clean fields, never the secrets', async () => {
    const { logger, lines } = capture()
    const seen: Record<string, unknown>[] = []
    const log = (info: Record<string, unknown>, next: () => void) => {
      seen.push(info)
      next()
    }
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    logger.add(new winston.transports.Stream({ stream, log, level: 'debug' }))
    logger.debug('only for the other')
    logger.info('password=hunter2', { apiKey: 'k', sku: 'a' })
    expect(await lines()).toHaveLength(1)
    expect(seen.map(({ message }) => message)).toEqual([
      'only for the other',
      'password=[redacted]',
    ])
    expect(seen[1]).toMatchObject({ level: 'info', apiKey: '[redacted]', sku: 'a' })
  })

  it('survives transports that throw or fail, and lines after its end', async () => {
    const { logger, lines } = capture()
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    const log = vi.fn(() => {
      throw new Error('transport')
    })
    const failing = new winston.transports.Stream({ stream, log })
    logger.add(failing)
    expect(() => logger.info('kept')).not.toThrow()
    expect(log).toHaveBeenCalled()
    failing.emit('error', new Error('transport'))
    logger.remove(failing)
    logger.end()
    expect(() => logger.info('late')).not.toThrow()
    await new Promise((resolve) => setImmediate(resolve))
    expect(await lines()).toMatchObject([{ message: 'kept' }])
  })

  it.each([
    ['level', { level: 'loud' }],
    ['level', { level: 'constructor' }],
    ['service', { service: '' }],
    ['version', { version: 7 }],
    ['stream', { stream: { write: () => true } }],
    ['stream', { stream: null }],
    ['redact', { redact: 'email' }],
    ['redact', { redact: ['email', ''] }],
  ])('refuses a wrong %s at creation, by name: %j', (option, options) => {
    expect(() => createLogger(options as never)).toThrow(
      expect.objectContaining({
        name: 'TypeError',
        code: 'ERR_LOGGING_OPTION',
        message: expect.stringContaining(`@mcp-prod/logging: ${option} must be`),
      }),
    )
  })
})
