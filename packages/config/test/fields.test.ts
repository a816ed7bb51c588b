import { describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import {
  byteSize,
  ConfigError,
  choice,
  duration,
  flag,
  integer,
  list,
  loadConfig,
  port,
  secret,
  text,
  url,
} from '../src/index.js'

const read = (field: z.ZodType, value?: string) => loadConfig({ X: field }, { env: { X: value } }).X
/** The problem and the remedy of the only fault. */
function faultOf(field: z.ZodType, value?: string): string {
  try {
    read(field, value)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.faults).toHaveLength(1)
    return error.faults.map(({ problem, remedy }) => `${problem}; ${remedy}`).join()
  }
  throw new Error(`"${value}" was accepted`)
}

describe('the builders', () => {
  it.each<[string, z.ZodType, string, unknown]>([
    ['port', port(), '8080', 8080],
    ['port', port(), '0', 0],
    ['port', port(), '65535', 65_535],
    ['integer', integer(), '-12', -12],
    ['integer', integer({ min: 1, max: 5 }), '5', 5],
    ['flag', flag(), 'true', true],
    ['flag', flag(), 'YES', true],
    ['flag', flag(), '1', true],
    ['flag', flag(), 'False', false],
    ['flag', flag(), 'no', false],
    ['flag', flag(), '0', false],
    ['duration', duration(), '250ms', 250],
    ['duration', duration(), '5s', 5000],
    ['duration', duration(), '2m', 120_000],
    ['duration', duration(), '1h', 3_600_000],
    ['duration', duration(), '0s', 0],
    ['duration', duration({ max: '720h' }), '720h', 2_592_000_000],
    ['byteSize', byteSize(), '512KiB', 524_288],
    ['byteSize', byteSize(), '4MiB', 4_194_304],
    ['byteSize', byteSize(), '1GB', 1_000_000_000],
    ['byteSize', byteSize(), '7B', 7],
    ['url', url(), 'https://api.example.com', 'https://api.example.com'],
    ['url', url({ protocols: ['postgres:'] }), 'postgres://db/x', 'postgres://db/x'],
    ['list', list(), ' a, b ,,c,', ['a', 'b', 'c']],
    ['list', list(), ',', []],
    ['choice', choice(['a', 'b']), 'b', 'b'],
    ['text', text(), ' two words ', ' two words '],
    ['secret', secret(), 'line\nline', 'line\nline'],
    ['secret', secret(port()), '80', 80],
  ])('%s reads %#', (_name, field, value, expected) => {
    expect(read(field, value)).toEqual(expected)
  })

  it.each<[string, z.ZodType, string[]]>([
    [
      'port',
      port(),
      ['-1', '65536', '80.0', '0x50', '8e1', ' 80', '80 ', '080', 'http', '٨٠', '1_000'],
    ],
    [
      'integer',
      integer({ min: 1, max: 5 }),
      ['0', '6', '', '9007199254740993', '-0', '+1'].filter(Boolean),
    ],
    ['integer', integer(), ['9007199254740993', 'NaN', 'Infinity']],
    ['flag', flag(), ['2', 'on', 'truee', ' true', 'null']],
    [
      'duration',
      duration(),
      ['5', '5 s', '-5s', '1.5h', '5S', '5sec', 's', '2147483648ms', '597h', '05s', '5constructor'],
    ],
    ['duration', duration({ min: '1s', max: '1m' }), ['999ms', '61s']],
    [
      'byteSize',
      byteSize(),
      ['4', '4 MiB', '4mib', '4M', '-1B', '9007199254740993B', '1e3B', '4toString'],
    ],
    ['byteSize', byteSize({ max: '1MiB' }), ['1048577B', '2MiB']],
    [
      'url',
      url(),
      [
        'example.com',
        '/path',
        'ftp://x',
        'javascript:alert(1)',
        'https://',
        'https://a b',
        ' https://a',
        'https://a\n',
      ],
    ],
    ['list', list(), ['a\nb', 'a\u0000']],
    ['choice', choice(['info', 'debug']), ['Info', 'inf', 'constructor', '__proto__']],
    ['text', text(), ['a\nb', 'a\r', '\u001b[31m']],
  ])('%s refuses what is nearly right (%#)', (_name, field, values) => {
    for (const value of values) expect(faultOf(field, value)).toMatch(/^got /)
  })

  it.each<[string, z.ZodType, string, string]>([
    ['a port', port(), '80a', 'got "80a", expected a whole number from 0 to 65535; correct X'],
    ['a bare number for a time', duration(), '5', 'add a unit, such as 5ms or 5s'],
    ['a bare number for a size', byteSize(), '4', 'add a unit, such as 4B or 4KB'],
    [
      'a slip in a choice',
      choice(['error', 'warn', 'info', 'debug']),
      'wran',
      'did you mean "warn"?',
    ],
    ['the case of a choice', choice(['error', 'warn']), 'ERROR', 'did you mean "error"?'],
    ['a choice', choice(['a', 'b']), 'zebra', 'expected one of a, b; correct X'],
    [
      'a URL',
      url({ protocols: ['https:'] }),
      'http://x',
      'expected an absolute URL with https:; correct X',
    ],
    [
      'a custom schema',
      z.coerce.number(),
      'x',
      'got "x", Invalid input: expected number, received NaN; correct X',
    ],
  ])('say what is wrong with %s and what to do', (_name, field, value, said) => {
    expect(faultOf(field, value)).toContain(said)
  })
})

describe('an unset name', () => {
  it.each<[string, z.ZodType, unknown]>([
    ['port', port({ default: 8080 }), 8080],
    ['integer', integer({ default: -1 }), -1],
    ['duration', duration({ default: '5s' }), 5000],
    ['byteSize', byteSize({ default: '4MiB' }), 4_194_304],
    ['choice', choice(['warn', 'info'], { default: 'info' }), 'info'],
    ['list', list({ default: [] }), []],
    ['list', list({ default: ['a', 'b'] }), ['a', 'b']],
    ['flag', flag({ default: false }), false],
    ['url', url({ default: 'https://x' }), 'https://x'],
    ['text', text({ default: '127.0.0.1' }), '127.0.0.1'],
    ['zod default', z.string().default('z'), 'z'],
    ['zod default behind a builder', port().default(1), 1],
    ['optional', port({ optional: true }), undefined],
    ['optional secret', secret({ optional: true }), undefined],
    ['optional schema in a secret', secret(port({ optional: true })), undefined],
    ['zod optional behind a builder', duration().optional(), undefined],
    ['zod optional behind a secret', secret().optional(), undefined],
  ])('of %s has its default, and an empty one too', (_name, field, expected) => {
    expect(read(field)).toEqual(expected)
    expect(read(field, '')).toEqual(expected)
  })

  it.each([
    port(),
    integer(),
    duration(),
    byteSize(),
    choice(['a']),
    list(),
    flag(),
    url(),
    text(),
    secret(),
    z.string(),
  ])('is a fault without default (%#)', (field) => {
    expect(faultOf(field)).toBe('is not set; set X, or X_FILE to the path of a file that holds it')
    expect(faultOf(field, '')).toBe(faultOf(field))
  })
})

describe('creation', () => {
  it.each<[string, () => unknown]>([
    ['the default of port must be', () => port({ default: 70_000 })],
    ['the default of integer must be', () => integer({ max: 3, default: 4 })],
    ['the default of duration must be', () => duration({ max: '1s', default: '2s' })],
    ['the default of byteSize must be', () => byteSize({ default: '1.5MiB' })],
    ['the default of url must be', () => url({ default: 'example.com' })],
    ['the default of choice must be', () => choice(['a'], { default: 'b' as 'a' })],
    ['the default of text must be', () => text({ default: 'a\nb' })],
    ['port has both a default and optional', () => port({ default: 1, optional: true })],
    ['integer needs whole numbers min <= max', () => integer({ min: 2, max: 1 })],
    ['duration needs min <= max', () => duration({ min: '2s', max: '1s' })],
    ['byteSize needs min <= max', () => byteSize({ max: '1e3B' })],
    ['choice needs at least one value', () => choice([])],
    ['protocols of url must look like', () => url({ protocols: ['https'] })],
  ])('refuses: %s', (message, create) => {
    expect(create).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_OPTION',
        message: expect.stringContaining(message),
      }),
    )
  })
})

it('types what it reads', () => {
  const config = loadConfig(
    {
      PORT: port({ default: 8080 }),
      TIMEOUT: duration({ default: '5s' }),
      LOG_LEVEL: choice(['error', 'info'], { default: 'info' }),
      ORIGINS: list({ default: [] }),
      API_KEYS: secret(),
      DEBUG: flag({ default: false }),
      UPSTREAM_URL: url({ optional: true }),
      SENTRY_KEY: secret({ optional: true }),
      MAX: secret(byteSize({ default: '4MiB' })),
      CUSTOM: z.coerce.number().default(3),
    },
    { env: { API_KEYS: 'k' } },
  )
  expectTypeOf(config).toEqualTypeOf<{
    readonly PORT: number
    readonly TIMEOUT: number
    readonly LOG_LEVEL: 'error' | 'info'
    readonly ORIGINS: string[]
    readonly API_KEYS: string
    readonly DEBUG: boolean
    readonly UPSTREAM_URL: string | undefined
    readonly SENTRY_KEY: string | undefined
    readonly MAX: number
    readonly CUSTOM: number
  }>()
  expect(config).toEqual({
    PORT: 8080,
    TIMEOUT: 5000,
    LOG_LEVEL: 'info',
    ORIGINS: [],
    API_KEYS: 'k',
    DEBUG: false,
    UPSTREAM_URL: undefined,
    SENTRY_KEY: undefined,
    MAX: 4_194_304,
    CUSTOM: 3,
  })
  // @ts-expect-error a time without a unit does not compile, nor does it start
  expect(() => duration({ default: '5' })).toThrow(/default of duration/)
  // @ts-expect-error a secret takes no default
  expect(read(secret({ default: 'x' }), 'y')).toBe('y')
})
