import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  ConfigError,
  duration,
  type Fault,
  list,
  loadConfig,
  port,
  type Shape,
  secret,
  text,
} from '../src/index.js'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
function errorOf(shape: Shape, env: Record<string, string>): ConfigError {
  try {
    loadConfig(shape, { env })
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('no fault was found')
}
const faultsOf = (shape: Shape, env: Record<string, string>): readonly Fault[] =>
  errorOf(shape, env).faults

describe('a value from a file', () => {
  it.each([
    ['hunter2', 'hunter2'],
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2\n\n', 'hunter2\n'],
    [' hunter2 ', ' hunter2 '],
    ['\ufeffhunter2', 'hunter2'],
    ['hünter2 ✓\n', 'hünter2 ✓'],
  ])('loses one newline at its end and nothing else: %j', (content, value) => {
    const env = { DB_PASSWORD_FILE: file('password', content) }
    expect(loadConfig({ DB_PASSWORD: secret() }, { env })).toEqual({ DB_PASSWORD: value })
  })

  it('is read as Kubernetes mounts it: links into a dated folder, mode 0400', () => {
    mkdirSync(join(folder, '..2026_11_23'))
    const target = file('..2026_11_23/port', '8080\n')
    chmodSync(target, 0o400)
    symlinkSync('..2026_11_23', join(folder, '..data'))
    symlinkSync('..data/port', join(folder, 'port'))
    expect(loadConfig({ PORT: port() }, { env: { PORT_FILE: join(folder, 'port') } })).toEqual({
      PORT: 8080,
    })
  })

  it('is read to its end where the size is not known beforehand', () => {
    const shape = { STATUS: secret() }
    const { STATUS } = loadConfig(shape, { env: { STATUS_FILE: '/proc/self/status' } })
    expect(STATUS).toContain('VmRSS')
  })

  it('may be 1 MiB and no more', () => {
    const shape = { BLOB: secret() }
    const whole = file('whole', 'x'.repeat(1_048_576))
    expect(loadConfig(shape, { env: { BLOB_FILE: whole } }).BLOB).toHaveLength(1_048_576)
    const over = file('over', 'x'.repeat(1_048_577))
    expect(faultsOf(shape, { BLOB_FILE: over })).toEqual([
      {
        name: 'BLOB',
        problem: `the file "${over}" is larger than 1048576 bytes`,
        remedy: expect.any(String),
      },
    ])
  })

  it('is in use when the variable itself is empty', () => {
    const env = { PORT: '', PORT_FILE: file('port', '81') }
    expect(loadConfig({ PORT: port() }, { env }).PORT).toBe(81)
  })

  it('counts as unset when empty: the default decides', () => {
    const env = { PORT_FILE: file('port', '\n') }
    expect(loadConfig({ PORT: port({ default: 1 }) }, { env }).PORT).toBe(1)
    expect(faultsOf({ PORT: port() }, env)[0]?.problem).toBe(`the file "${env.PORT_FILE}" is empty`)
  })

  it.each<[string, () => string]>([
    ['ENOENT', () => join(folder, 'nowhere')],
    ['ENOTDIR', () => join(file('file', 'x'), 'below')],
    ['EISDIR', () => folder],
    ['ELOOP', () => join(folder, 'loop')],
    ['ENAMETOOLONG', () => `/${'x'.repeat(300)}`],
    ['ENOTFILE', () => '/dev/zero'],
    ['ENOENT', () => 'relative\nname'],
  ])(
    'that cannot be read is a fault with path and %s, also where a default is',
    (errno, pathOf) => {
      symlinkSync('loop', join(folder, 'loop'))
      const path = pathOf()
      const [fault] = faultsOf({ HOST: text({ default: 'x' }) }, { HOST_FILE: path })
      expect(fault?.name).toBe('HOST')
      expect(fault?.problem).toContain(`cannot be read (${errno})`)
      expect(fault?.problem).toContain(path.slice(0, 40).replace('\n', '\\u{a}'))
      expect(fault?.remedy).toMatch(/HOST_FILE takes a path$/)
    },
  )

  it('that a function cannot read is a fault without its message', () => {
    const readFile = () => {
      throw new Error('hunter2')
    }
    const read = () => loadConfig({ HOST: text() }, { env: { HOST_FILE: '/x' }, readFile })
    expect(read).toThrow(/the file "\/x" cannot be read \(unknown error\)/)
    expect(read).not.toThrow(/hunter2/)
  })

  it('does not wait for a pipe that nobody writes to', () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect(faultsOf({ HOST: text() }, { HOST_FILE: pipe })[0]?.problem).toContain('ENOTFILE')
  })

  it.each([
    ['Latin-1', Buffer.from('h\xfcnter2', 'latin1')],
    ['UTF-16', Buffer.from('hunter2', 'utf16le')],
    ['a cut character', Buffer.from([0x68, 0xe2, 0x82])],
  ])('must be UTF-8: %s is a fault that shows none of it', (_name, bytes) => {
    const path = file('secret', bytes)
    const [fault] = faultsOf({ HOST: text() }, { HOST_FILE: path })
    expect(fault).toEqual({
      name: 'HOST',
      problem: `the file "${path}" is not UTF-8 text`,
      remedy: 'save it as UTF-8; HOST_FILE takes a path',
    })
  })

  it('is read by a function where one is given', () => {
    const readFile = (path: string) => `read ${path}`
    expect(loadConfig({ HOST: text() }, { env: { HOST_FILE: '/x' }, readFile }).HOST).toBe(
      'read /x',
    )
  })
})

describe('faults', () => {
  const shape = {
    PORT: port(),
    TIMEOUT: duration(),
    HOST: text(),
    API_KEYS: secret(),
    ORIGINS: list(),
  }

  it('are thrown all at once, one to a line', () => {
    const path = join(folder, 'none')
    const error = errorOf(shape, {
      PORT: 'x',
      TIMEOUT: '5',
      HOST: 'h',
      HOST_FILE: '/h',
      API_KEYS_FILE: path,
    })
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ERR_CONFIG_INVALID' })
    expect(error.message.split('\n')).toEqual([
      'The configuration has 5 faults:',
      '  PORT: got "x", expected a whole number from 0 to 65535; correct PORT',
      '  TIMEOUT: got "5", expected a whole number with a unit (ms, s, m, h) from 0ms to 2147483647ms; add a unit, such as 5ms or 5s',
      '  HOST: HOST and HOST_FILE are both set; unset one of them',
      `  API_KEYS: the file "${path}" cannot be read (ENOENT); check the path and that the file is mounted; API_KEYS_FILE takes a path`,
      '  ORIGINS: is not set; set ORIGINS, or ORIGINS_FILE to the path of a file that holds it',
    ])
    expect(error.faults.map(({ name }) => name)).toEqual(Object.keys(shape))
  })

  it.each([
    ['a swapped letter', 'PROT', 'PORT'],
    ['another case', 'port', 'PORT'],
    ['the file form', 'PORTFILE', 'PORT'],
    ['a singular', 'API_KEY', 'API_KEYS'],
    ['a singular in the file form', 'API_KEY_FILE', 'API_KEYS'],
  ])('mention a set name that looks like a missing one: %s', (_name, given, meant) => {
    const fault = faultsOf(shape, { [given]: 'hunter2' }).find(({ name }) => name === meant)
    expect(fault?.remedy).toContain(`did you mean ${given}, which is set?`)
    expect(JSON.stringify(fault)).not.toContain('hunter2')
  })

  it.each([['HOME'], ['PATH'], ['POST_A'], ['TIMEOUT_FILE'], ['P\nORT']])(
    'do not guess at %j',
    (given) => {
      const faults = faultsOf(shape, { [given]: '/x' })
      expect(JSON.stringify(faults)).not.toContain('did you mean')
    },
  )

  it('do not guess at a name that is declared itself', () => {
    const faults = faultsOf({ HOST: text(), HOSTS: list() }, { HOSTS: 'a' })
    expect(faults.map(({ remedy }) => remedy)).toEqual([
      'set HOST, or HOST_FILE to the path of a file that holds it',
    ])
  })

  it('show a value on one line, cut, and without forged lines or turned writing', () => {
    const [fault] = faultsOf(
      { PORT: port() },
      { PORT: `\n  HOST: fine\u2028\u202e\u001b[2K${'x'.repeat(99)}` },
    )
    expect(fault?.problem).toBe(
      `got "\\u{a}  HOST: fine\\u{2028}\\u{202e}\\u{1b}[2K${'x'.repeat(21)}…", expected a whole number from 0 to 65535`,
    )
    expect(errorOf({ PORT: port() }, { PORT: 'a\nb' }).message.split('\n')).toHaveLength(2)
  })
})

describe('a configuration', () => {
  it('is frozen, deeply', () => {
    const nested = z.string().transform((value) => ({ list: [{ value }] }))
    const config = loadConfig(
      { ORIGINS: list(), NESTED: nested },
      { env: { ORIGINS: 'a,b', NESTED: 'c' } },
    )
    for (const part of [
      config,
      config.ORIGINS,
      config.NESTED,
      config.NESTED.list,
      config.NESTED.list[0],
    ]) {
      expect(Object.isFrozen(part)).toBe(true)
    }
    expect(() => config.ORIGINS.push('c')).toThrow(TypeError)
  })

  it('leaves instances of classes as they are', () => {
    const made = z.string().transform((value) => new URL(value))
    const bytes = z.string().transform((value) => Buffer.from(value))
    const config = loadConfig(
      { MADE: made, BYTES: bytes },
      { env: { MADE: 'https://x', BYTES: 'x' } },
    )
    expect(config.MADE.href).toBe('https://x/')
    expect(config.BYTES.toString()).toBe('x')
  })

  it('says [set] for its secrets when it is printed as a whole', () => {
    const shape = {
      API_KEYS: secret(),
      ADMIN_TOKEN: text(),
      UPSTREAM: text(),
      MIRRORS: list(),
      PORT: port(),
      NONE: secret({ optional: true }),
    }
    const env = {
      API_KEYS: 'hunter2',
      ADMIN_TOKEN: 'hunter2',
      UPSTREAM: 'https://u:hunter2@x/',
      MIRRORS: 'a,hunter2@b',
      PORT: '1',
    }
    const config = loadConfig(shape, { env })
    expect(config.API_KEYS).toBe('hunter2')
    const shown = {
      API_KEYS: '[set]',
      ADMIN_TOKEN: '[set]',
      UPSTREAM: 'https://[hidden]@x/',
      MIRRORS: ['a', '[hidden]@b'],
      PORT: 1,
    }
    expect(JSON.parse(JSON.stringify({ config }))).toEqual({ config: shown })
    expect(inspect({ config })).not.toContain('hunter2')
    expect(Object.keys(config)).toEqual(Object.keys(shape))
  })

  it('takes nothing from a polluted prototype', () => {
    const polluted = Object.prototype as Record<string, unknown>
    polluted.PORT = '666'
    polluted.HOST_FILE = '/etc/hostname'
    try {
      expect(loadConfig({ PORT: port({ default: 1 }) }, { env: {} }).PORT).toBe(1)
      expect(faultsOf({ HOST: text() }, {})[0]?.problem).toBe('is not set')
    } finally {
      delete polluted.PORT
      delete polluted.HOST_FILE
    }
  })

  it('comes from process.env by default', () => {
    process.env.CONFIG_TEST_PORT = '4321'
    try {
      expect(loadConfig({ CONFIG_TEST_PORT: port() }).CONFIG_TEST_PORT).toBe(4321)
    } finally {
      delete process.env.CONFIG_TEST_PORT
    }
  })

  it.each<[string, Shape, string]>([
    ['a lower-case name', { port: port() }, 'a name must be'],
    ['a name that is a prototype', JSON.parse('{"__proto__": 1}'), 'a name must be'],
    ['no schema', { PORT: 8080 as unknown as z.ZodType }, 'PORT must be a zod schema'],
    [
      'a name that is the file form of another',
      { TLS_KEY: secret(), TLS_KEY_FILE: text() },
      'TLS_KEY_FILE is where',
    ],
  ])('is not read from %s', (_name, shape, message) => {
    expect(() => loadConfig(shape, { env: {} })).toThrow(
      expect.objectContaining({
        code: 'ERR_CONFIG_OPTION',
        message: expect.stringContaining(message),
      }),
    )
  })
})
