import { unlinkSync } from 'node:fs'
import { afterEach, describe, expect, expectTypeOf, it, vi } from 'vitest'
import {
  type Config,
  ConfigError,
  parsed,
  port,
  type Shape,
  secret,
  text,
  watchConfig,
} from '../src/index.js'
import { at, replace, watch, watches, watchKey, write } from './support.js'

describe('a pair', () => {
  const shape = { TLS_CERT: text(), TLS_KEY: secret() }

  function pair(onChange?: (config: Config<typeof shape>) => unknown) {
    write('cert', 'a')
    write('key', 'a')
    const env = { TLS_CERT_FILE: at('cert'), TLS_KEY_FILE: at('key') }
    return watch(shape, env, onChange && { onChange })
  }
  const mismatch = new Error('the key does not match the certificate')
  const matching = ({ TLS_CERT, TLS_KEY }: Config<typeof shape>) => {
    if (TLS_CERT !== TLS_KEY) throw mismatch
  }

  it('that is replaced between two looks comes in one call', async () => {
    const { news } = pair()
    replace('cert', 'b')
    replace('key', 'b')
    expect(await news()).toEqual([
      { changed: ['TLS_CERT', 'TLS_KEY'], TLS_CERT: 'b', TLS_KEY: 'b' },
    ])
  })

  it('that is replaced in the middle of a look comes in one call too', async () => {
    let content = 'a'
    const readFile = vi.fn((path: string) => {
      const found = content
      if (path === '/cert' && readFile.mock.calls.length > 2) content = 'b'
      return found
    })
    const env = { TLS_CERT_FILE: '/cert', TLS_KEY_FILE: '/key' }
    const { news } = watch(shape, env, { readFile })
    expect(await news()).toEqual([
      { changed: ['TLS_CERT', 'TLS_KEY'], TLS_CERT: 'b', TLS_KEY: 'b' },
    ])
  })

  it.each([
    ['throws', matching],
    ['rejects', async (config: Config<typeof shape>) => matching(config)],
  ])(
    'that arrives in two looks is offered whole when the listener %s at the half',
    async (_, onChange) => {
      const { watched, news } = pair(onChange)
      replace('cert', 'b')
      expect(await news()).toEqual([
        { changed: ['TLS_CERT'], TLS_CERT: 'b', TLS_KEY: 'a' },
        mismatch,
      ])
      expect(await news()).toEqual([])
      expect({ ...watched.config }).toEqual({ TLS_CERT: 'a', TLS_KEY: 'a' })
      replace('key', 'b')
      expect(await news()).toEqual([
        { changed: ['TLS_CERT', 'TLS_KEY'], TLS_CERT: 'b', TLS_KEY: 'b' },
      ])
      expect({ ...watched.config }).toEqual({ TLS_CERT: 'b', TLS_KEY: 'b' })
      expect(await news()).toEqual([])
    },
  )

  it('that was refused and is put back is offered as well: half of it may be in use', async () => {
    const { news } = pair(matching)
    replace('cert', 'b')
    await news()
    replace('cert', 'a')
    expect(await news()).toEqual([{ changed: ['TLS_CERT'], TLS_CERT: 'a', TLS_KEY: 'a' }])
    replace('cert', 'a\n')
    expect(await news()).toEqual([])
  })

  it('is still offered after a fault in between', async () => {
    const { news } = pair(matching)
    replace('cert', 'b')
    await news()
    write('key', '')
    expect(await news()).toEqual([`the file "${at('key')}" is empty`])
    write('key', 'b')
    expect(await news()).toMatchObject([{ changed: ['TLS_CERT', 'TLS_KEY'] }])
  })
})

describe('a change of which a part was used before the listener threw', () => {
  const shape = { KEYS: secret(parsed((text) => text.split(','))), CERT: text(), KEY: secret() }

  /** As a server does: the list of keys first, then a certificate, which may not fit its key. */
  function server() {
    for (const [name, content] of Object.entries({ keys: 'alice,mallory', cert: 'a', key: 'a' }))
      write(name, content)
    let accepted = ['alice', 'mallory']
    const env = { KEYS_FILE: at('keys'), CERT_FILE: at('cert'), KEY_FILE: at('key') }
    const { news } = watch(shape, env, {
      onChange({ KEYS, CERT, KEY }, changed) {
        if (changed.includes('KEYS')) accepted = KEYS
        if (CERT !== KEY) throw new Error('the key does not match the certificate')
      },
    })
    return { news, accepted: () => accepted }
  }

  it.each<[string, () => void]>([
    ['is emptied', () => write('keys', '')],
    ['is not valid', () => write('keys', '\0')],
    ['is gone', () => unlinkSync(at('keys'))],
  ])('is not undone when its file %s: a revoked key stays revoked', async (_, spoil) => {
    const { news, accepted } = server()
    replace('keys', 'alice')
    replace('cert', 'b')
    await news()
    expect(accepted()).toEqual(['alice'])
    spoil()
    expect(await news()).toEqual([expect.stringContaining(at('keys'))])
    // It arrives while the list is still faulty: what was refused is offered again, with the list that was used.
    replace('key', 'b')
    expect((await news()).at(-1)).toEqual({
      changed: ['KEYS', 'CERT', 'KEY'],
      KEYS: ['alice'],
      CERT: 'b',
      KEY: 'b',
    })
    expect(accepted()).toEqual(['alice'])
    replace('keys', 'alice')
    expect(await news()).toEqual([])
    replace('keys', 'bob')
    await news()
    expect(accepted()).toEqual(['bob'])
  })

  it('is not undone either when fault and key come in one look, and the key is a wrong one again', async () => {
    const { news, accepted } = server()
    replace('keys', 'alice')
    replace('cert', 'b')
    await news()
    write('keys', '')
    replace('key', 'c')
    expect(await news()).toMatchObject([
      `the file "${at('keys')}" is empty`,
      { changed: ['KEYS', 'CERT', 'KEY'], KEYS: ['alice'] },
      expect.any(Error),
    ])
    replace('cert', 'c')
    expect((await news()).at(-1)).toMatchObject({
      changed: ['KEYS', 'CERT', 'KEY'],
      KEYS: ['alice'],
    })
    expect(accepted()).toEqual(['alice'])
  })
})

describe('a listener', () => {
  it.each(['onFault', 'onError'])('%s that throws or rejects ends nothing', async (broken) => {
    write('key', 'a')
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const errors: unknown[] = []
    const fail = (error: unknown) => {
      errors.push(error)
      if (errors.length % 2 === 0) return Promise.reject(new Error('rejected'))
      throw new Error('thrown')
    }
    const watched = watchConfig(
      { KEY: secret() },
      {
        env: { KEY_FILE: at('key') },
        onChange: () => {
          throw new Error('not taken')
        },
        onFault: broken === 'onFault' ? fail : () => {},
        onError: broken === 'onError' ? fail : (error) => errors.push(error),
      },
    )
    watches.push(watched)
    for (const content of ['', 'b', '', 'c', '']) {
      write('key', content)
      await watched.check()
    }
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    const messages = errors.map((error) => (error as Error).message)
    expect(messages.filter((message) => message === 'not taken')).toHaveLength(2)
    if (broken === 'onFault') expect(messages).toContain('thrown')
  })

  it('is given the same kind of configuration as at the start', async () => {
    write('key', 'a')
    const shape = { KEY: secret(), PORT: port({ default: 80 }), LIST: parsed((t) => [t]) }
    const { watched, news } = watch(shape, { KEY_FILE: at('key'), LIST: 'x' })
    expectTypeOf(watched.config).toEqualTypeOf<{
      readonly KEY: string
      readonly PORT: number
      readonly LIST: string[]
    }>()
    watchConfig(shape, {
      env: { KEY: 'a', LIST: 'x' },
      onChange(config, changed) {
        expectTypeOf(config).toEqualTypeOf<typeof watched.config>()
        expectTypeOf(changed).toEqualTypeOf<readonly ('KEY' | 'PORT' | 'LIST')[]>()
      },
      onFault() {},
      onError() {},
    })
    replace('key', 'b')
    await news()
    expect({ ...watched.config }).toEqual({ KEY: 'b', PORT: 80, LIST: ['x'] })
    expect(Object.isFrozen(watched.config) && Object.isFrozen(watched.config.LIST)).toBe(true)
    expect(JSON.stringify(watched.config)).toBe('{"KEY":"[set]","PORT":80,"LIST":["x"]}')
  })

  it('gets no second change while it is busy with the first; all that ask meanwhile share one look', async () => {
    write('key', 'a')
    let finish = () => {}
    const begun: string[] = []
    const onChange = ({ KEY }: { KEY: string }) => {
      begun.push(KEY)
      return new Promise<void>((resolve) => {
        finish = resolve
      })
    }
    const { watched } = watch({ KEY: secret() }, { KEY_FILE: at('key') }, { onChange })
    replace('key', 'b')
    const first = watched.check()
    await vi.waitUntil(() => begun.length === 1)
    replace('key', 'c')
    const later = [watched.check(), watched.check(), watched.check()]
    expect(new Set(later).size).toBe(1)
    finish()
    await first
    expect(watched.config.KEY).toBe('b')
    await vi.waitUntil(() => begun.length === 2)
    finish()
    await Promise.all(later)
    expect([begun, watched.config.KEY]).toEqual([['b', 'c'], 'c'])
  })

  it('hears nothing after close, even of a look that is under way', async () => {
    const { watched, news } = watchKey('a')
    replace('key', 'b')
    const look = watched.check()
    watched.close()
    await look
    expect(await news()).toEqual([])
    watched.close()
  })
})

describe('the timer', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('looks by itself, for ever, also after faults and errors', async () => {
    write('key', 'a')
    let heard = () => {}
    const news = () =>
      new Promise<void>((resolve) => {
        heard = resolve
      })
    const watched = watchConfig(
      { KEY: secret() },
      {
        env: { KEY_FILE: at('key') },
        intervalMs: 100,
        onChange({ KEY }) {
          heard()
          if (KEY === 'c') throw new Error('not this one')
        },
        onFault: () => heard(),
        onError: () => {},
      },
    )
    watches.push(watched)
    for (const content of ['b', '', 'c', 'd']) {
      const told = news()
      write('key', content)
      await told
    }
    await vi.waitUntil(() => watched.config.KEY === 'd')
  })

  it('is one, waits 5 s unless told otherwise, and goes with close', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    write('key', 'a')
    const changes = vi.fn()
    const start = (intervalMs?: number) =>
      watchConfig(
        { KEY: secret() },
        {
          env: { KEY_FILE: at('key') },
          ...(intervalMs && { intervalMs }),
          onChange: changes,
          onFault: (error) => expect.fail(String(error)),
          onError: (error) => expect.fail(String(error)),
        },
      )
    const watched = start()
    expect(vi.getTimerCount()).toBe(1)
    replace('key', 'b')
    vi.advanceTimersByTime(4_999)
    await watched.check()
    // Taken by the look that was asked for, which is none of the timer's.
    expect([changes.mock.calls.length, vi.getTimerCount()]).toEqual([1, 1])
    replace('key', 'c')
    vi.advanceTimersByTime(1)
    await vi.waitUntil(() => changes.mock.calls.length === 2, { interval: 1 })
    await watched.check()
    expect(vi.getTimerCount()).toBe(1)
    watched.close()
    expect(vi.getTimerCount()).toBe(0)

    const closedInLook = start(100)
    vi.advanceTimersByTime(100)
    closedInLook.close()
    await closedInLook.check()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is none where no file is watched', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { watched, news } = watch({ KEY: secret(), PORT: port({ default: 1 }) }, { KEY: 'a' })
    expect(vi.getTimerCount()).toBe(0)
    expect(await news()).toEqual([])
    expect({ ...watched.config }).toEqual({ KEY: 'a', PORT: 1 })
  })
})

describe('creation', () => {
  const listeners = { onChange() {}, onFault() {}, onError() {} }

  it.each<[string, object]>([
    ['intervalMs of watchConfig must be a whole number', { intervalMs: 99 }],
    ['got 2147483648', { intervalMs: 2 ** 31 }],
    ['got NaN', { intervalMs: Number.NaN }],
    ['got 5s', { intervalMs: '5s' }],
    ['onChange of watchConfig must be a function, got undefined', { onChange: undefined }],
    ['onFault of watchConfig must be a function, got string', { onFault: 'log' }],
    ['onError of watchConfig must be a function, got undefined', { onError: undefined }],
  ])('refuses: %s', (message, options) => {
    const create = () => watchConfig({ KEY: secret() }, { env: {}, ...listeners, ...options })
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_OPTION',
        message: expect.stringContaining(message),
      }),
    )
  })

  it('throws the faults of the start as loadConfig does', () => {
    const create = (shape: Shape) =>
      watchConfig(shape, { env: { KEY_FILE: at('nowhere') }, ...listeners })
    expect(() => create({ KEY: secret() })).toThrow(ConfigError)
    expect(() => create({ key: secret() })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_OPTION' }),
    )
  })
})
