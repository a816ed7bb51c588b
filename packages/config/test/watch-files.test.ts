import { execFileSync } from 'node:child_process'
import fs, {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import fsPromises from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { ConfigError, port, secret, text, watchConfig } from '../src/index.js'
import { watchedFiles } from '../src/watched-files.js'
import { at, replace, watch, watches, watchKey, write } from './support.js'

describe.each([
  ['just now', 0],
  ['long ago, so that it is known by its times', 3_600_000],
])('a file that was written %s', (_, agoMs) => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + agoMs })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it.each<[string, (content: string) => void]>([
    ['renamed into place', (content) => replace('key', content)],
    ['truncated and written', (content) => write('key', content)],
    [
      'removed and written',
      (content) => {
        unlinkSync(at('key'))
        write('key', content)
      },
    ],
  ])('is taken when it is %s, once', async (_, change) => {
    const { watched, news } = watchKey('old')
    expect(await news()).toEqual([])
    expect(watched.config.KEY).toBe('old')
    change('newer\n')
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'newer' }])
    expect(watched.config.KEY).toBe('newer')
    expect(await news()).toEqual([])
  })

  it('is taken when Kubernetes swaps the folder that its link leads through', async () => {
    const mount = (version: string, content: string) => {
      mkdirSync(at(version))
      write(`${version}/cert`, `cert ${content}`)
      write(`${version}/key`, `key ${content}`)
      symlinkSync(version, at('..data_tmp'))
      renameSync(at('..data_tmp'), at('..data'))
    }
    mount('..2026_01', 'a')
    symlinkSync('..data/cert', at('cert'))
    symlinkSync('..data/key', at('key'))
    const env = { TLS_CERT_FILE: at('cert'), TLS_KEY_FILE: at('key') }
    const { news } = watch({ TLS_CERT: text(), TLS_KEY: secret() }, env)
    await news()
    mount('..2026_02', 'b')
    rmSync(at('..2026_01'), { recursive: true })
    expect(await news()).toEqual([
      { changed: ['TLS_CERT', 'TLS_KEY'], TLS_CERT: 'cert b', TLS_KEY: 'key b' },
    ])
  })

  it('is taken when another of the same size and time is renamed over it', async () => {
    const { news } = watchKey('0000')
    utimesSync(at('key'), 1e9, 1e9)
    await news()
    for (let i = 1; i <= 50; i++) {
      const content = String(i).padStart(4, '0')
      write('.new', content)
      utimesSync(at('.new'), 1e9, 1e9)
      renameSync(at('.new'), at('key'))
      expect(await news()).toEqual([{ changed: ['KEY'], KEY: content }])
    }
  })

  it('is known again when it comes back as it was', async () => {
    mkdirSync(at('mount'))
    write('mount/key', 'old')
    write('other', 'old')
    const env = { KEY_FILE: at('mount/key'), OTHER_FILE: at('other') }
    const { news } = watch({ KEY: secret(), OTHER: text() }, env)
    await news()
    renameSync(at('mount'), at('away'))
    expect(await news()).toEqual([`the file "${at('mount/key')}" cannot be read (ENOENT)`])
    renameSync(at('away'), at('mount'))
    expect(await news()).toEqual([])
    replace('other', 'newer')
    expect(await news()).toEqual([{ changed: ['OTHER'], KEY: 'old', OTHER: 'newer' }])
  })
})

describe('a file that changes', () => {
  it('is no change when its text is as before', async () => {
    const { news } = watchKey('same')
    replace('key', 'same\n')
    expect(await news()).toEqual([])
    utimesSync(at('key'), 1, 1)
    expect(await news()).toEqual([])
  })

  it('is read from where it was at the start, wherever the process is and whatever its environment', async () => {
    write('key', 'old')
    const [start, env] = [process.cwd(), { KEY_FILE: './key' }]
    process.chdir(at(''))
    try {
      const { news } = watch({ KEY: secret() }, env)
      process.chdir('/')
      env.KEY_FILE = '/etc/hostname'
      replace('key', 'new')
      expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
    } finally {
      process.chdir(start)
    }
  })

  it('is asked for at every look where a function reads it', async () => {
    let content = 'old'
    const readFile = vi.fn(() => content)
    const { news } = watch({ KEY: secret() }, { KEY_FILE: '/vault' }, { readFile })
    expect(await news()).toEqual([])
    content = 'new'
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
    readFile.mockImplementation(() => {
      throw new Error('the token s.hunter2 has run out')
    })
    expect(await news()).toEqual(['the file "/vault" cannot be read (unknown error)'])
  })

  it('is read only then, and while its times may be too coarse to tell', async () => {
    const { news } = watchKey('old')
    const open = vi.spyOn(fsPromises, 'open')
    const stat = vi.spyOn(fsPromises, 'stat')
    syncBuiltinESMExports()
    const calls = async (looks: number) => {
      for (let i = 0; i < looks; i++) await news()
      const counts = [open.mock.calls.length, stat.mock.calls.length]
      vi.clearAllMocks()
      return counts
    }
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      vi.setSystemTime(Date.now() + 1000)
      expect(await calls(3)).toEqual([3, 0])
      vi.setSystemTime(Date.now() + 3000)
      expect(await calls(3)).toEqual([1, 2])
      write('key', 'newer')
      expect(await calls(1)).toEqual([1, 2])
    } finally {
      vi.useRealTimers()
      vi.restoreAllMocks()
      syncBuiltinESMExports()
    }
  })

  it('leaves no descriptor open and no buffer of the greatest size behind', async () => {
    const { news } = watchKey('old')
    const descriptors = () => readdirSync('/proc/self/fd').length
    await news()
    const before = descriptors()
    for (let i = 0; i < 100; i++) {
      if (i % 3 === 0) rmSync(at('key'), { recursive: true })
      else if (i % 3 === 1) mkdirSync(at('key'))
      else {
        rmSync(at('key'), { recursive: true })
        write('key', String(i))
      }
      await news()
    }
    expect(descriptors()).toBe(before)
    const files = watchedFiles(undefined)
    write('small', 'x')
    files.read(at('small'))
    replace('small', 'y')
    expect(await files.look()).toBe(true)
    expect(files.read(at('small')).buffer.byteLength).toBeLessThan(100_000)
  })
})

/** A path to the very file behind a descriptor, whatever happens to its name: as a mount of a single file is. */
function pin(name: string) {
  const file = openSync(at(name), 'r')
  watches.push({ close: () => closeSync(file) })
  return `/proc/${process.pid}/fd/${file}`
}

describe('a file that is mounted alone', () => {
  it('is told, once, when it is replaced outside: no new content comes through that mount', async () => {
    write('key', 'old')
    write('other', 'old')
    const env = { A_KEY_FILE: pin('key'), B_KEY_FILE: at('other') }
    const { watched, news } = watch({ A_KEY: secret(), B_KEY: secret() }, env)
    expect(await news()).toEqual([])
    write('key', 'written in place')
    expect(await news()).toMatchObject([{ changed: ['A_KEY'], A_KEY: 'written in place' }])
    replace('key', 'new')
    const problem = `the file "${env.A_KEY_FILE}" was replaced where it is mounted from, and this mount keeps the old one`
    expect(await news()).toEqual([problem])
    expect(await news()).toEqual([])
    expect(watched.config.A_KEY).toBe('written in place')
    replace('other', 'new')
    expect((await news()).at(-1)).toMatchObject({ changed: ['B_KEY'], B_KEY: 'new' })
  })

  it('is told when that happens before the first look, and what to do', async () => {
    write('key', 'old')
    const told: unknown[] = []
    const watched = watchConfig(
      { KEY: secret() },
      {
        env: { KEY_FILE: pin('key') },
        onChange: (_, changed) => told.push(changed),
        onFault: ({ faults }) => told.push(...faults.map(({ remedy }) => remedy)),
        onError: (error) => told.push(error),
      },
    )
    watches.push(watched)
    replace('key', 'new')
    await watched.check()
    expect(told).toEqual(['mount its folder, not the file alone; KEY_FILE takes a path'])
  })

  it('is told when its times had been enough to know it by', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_000 })
    try {
      write('key', 'old')
      const { news } = watch({ KEY: secret() }, { KEY_FILE: pin('key') })
      expect(await news()).toEqual([])
      unlinkSync(at('key'))
      expect(await news()).toEqual([expect.stringContaining('was replaced')])
    } finally {
      vi.useRealTimers()
    }
  })

  it('is taken as it comes where it never had a name: so some file systems say of all of theirs', async () => {
    write('key', 'old')
    const file = openSync(at('key'), 'r+')
    watches.push({ close: () => closeSync(file) })
    unlinkSync(at('key'))
    const { news } = watch({ KEY: secret() }, { KEY_FILE: `/proc/${process.pid}/fd/${file}` })
    expect(await news()).toEqual([])
    writeSync(file, 'new', 0)
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
  })

  it('is not seen in a file that is replaced while it is being read', async () => {
    const { news } = watchKey('old')
    const { open } = fsPromises
    vi.spyOn(fsPromises, 'open').mockImplementationOnce(async (...args) => {
      const file = await open(...args)
      replace('key', 'new')
      return file
    })
    syncBuiltinESMExports()
    try {
      expect(await news()).toEqual([])
      expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
    } finally {
      vi.restoreAllMocks()
      syncBuiltinESMExports()
    }
  })
})

describe('a mount that hangs', () => {
  const { open, stat } = fsPromises
  /** The files that hang: each of their looks keeps a thread waiting at a pipe, as it would for a dead server. */
  let dead = new Set<string>()
  let waiting = 0
  const answers: Promise<never>[] = []
  const turn = () => new Promise((resolve) => setImmediate(resolve))

  beforeEach(() => {
    dead = new Set()
    waiting = 0
    execFileSync('mkfifo', [at('pipe')])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const through =
      <T extends unknown[], R>(real: (path: string, ...rest: T) => R) =>
      (path: unknown, ...rest: T) =>
        dead.has(path as string) ? (hang() as R) : real(path as string, ...rest)
    vi.spyOn(fsPromises, 'open').mockImplementation(through(open) as typeof open)
    vi.spyOn(fsPromises, 'stat').mockImplementation(through(stat) as typeof stat)
    syncBuiltinESMExports()
  })
  afterEach(async () => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    syncBuiltinESMExports()
    await release()
  })

  function hang() {
    waiting++
    setImmediate(() => vi.advanceTimersByTime(10_000))
    const answer = open(at('pipe'), 'r').then(async (file) => {
      waiting--
      await file.close()
      throw Object.assign(new Error('the server is back, but knows it no more'), { code: 'EIO' })
    })
    answers.push(answer)
    return answer
  }

  async function release() {
    while (waiting > 0) {
      closeSync(openSync(at('pipe'), 'w'))
      await turn()
    }
    await Promise.allSettled(answers)
    await turn()
  }

  it.each([
    ['before', ['DEAD_KEY', 'B_KEY']],
    ['after', ['B_KEY', 'DEAD_KEY']],
  ])('holds up no revocation in a file declared %s it', async (_, names) => {
    write('dead', 'old')
    write('b', 'old')
    const shape = Object.fromEntries(names.map((name) => [name, secret()]))
    const env = { DEAD_KEY_FILE: at('dead'), B_KEY_FILE: at('b') }
    const { watched, news } = watch(shape, env)
    dead.add(at('dead'))
    replace('b', 'new')
    expect(await news()).toEqual([
      `the file "${at('dead')}" cannot be read (ETIMEDOUT)`,
      expect.objectContaining({ changed: ['B_KEY'], B_KEY: 'new' }),
    ])
    for (const content of ['newer', 'newest']) {
      replace('b', content)
      expect((await news()).at(-1)).toMatchObject({ changed: ['B_KEY'], B_KEY: content })
    }
    expect(await news()).toEqual([])
    expect(waiting).toBe(1)

    dead.clear()
    await release()
    replace('dead', 'new')
    await news()
    expect({ ...watched.config }).toEqual({ DEAD_KEY: 'new', B_KEY: 'newest' })
  })

  it('takes two threads, however many files are on it, and those elsewhere are looked at', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    for (const name of names) write(name, 'old')
    // A file of another file system that anybody may write to.
    const elsewhere = '/proc/self/comm'
    const before = readFileSync(elsewhere, 'utf8')
    const files = watchedFiles(undefined)
    for (const path of [...names.map(at), elsewhere]) files.read(path)
    for (const name of names) dead.add(at(name))
    try {
      for (const content of ['one', 'two', 'three']) {
        writeFileSync(elsewhere, content)
        expect(await files.look()).toBe(true)
        expect(String(files.read(elsewhere))).toBe(`${content}\n`)
        expect(waiting).toBe(2)
      }
    } finally {
      writeFileSync(elsewhere, before.trim())
    }
    for (const name of names) replace(name, 'new')
    dead.clear()
    await release()
    await files.look()
    expect(names.map((name) => String(files.read(at(name))))).toEqual(names.map(() => 'new'))
  })

  it('leaves the process a thread, however many such mounts there are', async () => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const files = watchedFiles(undefined)
    const { fstatSync } = fs
    // Each of another file system, as far as can be told.
    vi.spyOn(fs, 'fstatSync').mockImplementation(((file: number) => {
      const stats = fstatSync(file, { bigint: true })
      return Object.assign(stats, { dev: stats.ino })
    }) as typeof fstatSync)
    syncBuiltinESMExports()
    for (const name of names) {
      write(name, 'old')
      files.read(at(name))
      dead.add(at(name))
    }
    for (let looks = 0; looks < 5; looks++) await files.look()
    expect(waiting).toBe(3)
  })
})

describe('content that is not usable', () => {
  it.each<[string, string, () => void]>([
    ['removed', 'cannot be read (ENOENT)', () => unlinkSync(at('key'))],
    ['empty', 'is empty', () => write('key', '')],
    ['but a newline', 'is empty', () => write('key', '\n')],
    ['too large', 'is larger than 1048576 bytes', () => write('key', 'x'.repeat(1_048_577))],
    ['binary', 'is not UTF-8 text', () => write('key', Buffer.from([0, 1, 2]))],
    ['half a character', 'is not UTF-8 text', () => write('key', Buffer.from([0xe2, 0x82]))],
    [
      'a folder',
      'cannot be read (EISDIR)',
      () => {
        unlinkSync(at('key'))
        mkdirSync(at('key'))
      },
    ],
    [
      'a pipe',
      'cannot be read (ENOTFILE)',
      () => {
        unlinkSync(at('key'))
        execFileSync('mkfifo', [at('key')])
      },
    ],
    [
      'a link to itself',
      'cannot be read (ELOOP)',
      () => {
        unlinkSync(at('key'))
        symlinkSync('key', at('key'))
      },
    ],
  ])(
    'takes nothing away: %s is told once, and mended without a word',
    async (_, problem, spoil) => {
      const { watched, news } = watchKey('old')
      spoil()
      expect(await news()).toEqual([`the file "${at('key')}" ${problem}`])
      expect(await news()).toEqual([])
      expect(watched.config.KEY).toBe('old')
      rmSync(at('key'), { recursive: true, force: true })
      write('key', 'old')
      expect(await news()).toEqual([])
      replace('key', 'new')
      expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
    },
  )

  it.each([
    ['required', secret()],
    ['optional', secret({ optional: true })],
    ['with a default', z.string().default('public')],
  ])('an emptied file does not bring back what an unset name has: %s', async (_, schema) => {
    const { watched, news } = watchKey('old', schema)
    write('key', '')
    expect(await news()).toEqual([`the file "${at('key')}" is empty`])
    expect(watched.config.KEY).toBe('old')
  })

  it('but a file that was empty from the start may be filled', async () => {
    const { watched, news } = watchKey('', secret({ optional: true }))
    expect(watched.config.KEY).toBeUndefined()
    expect(await news()).toEqual([])
    write('key', 'new')
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
  })

  it('nor does one that may not be read (EACCES)', async ({ skip }) => {
    chmodSync(at(''), 0o755)
    const { watched, news } = watchKey('old')
    replace('key', 'new')
    chmodSync(at('key'), 0)
    const asRoot = process.geteuid?.() === 0
    try {
      if (asRoot) process.seteuid?.(65_534)
    } catch {
      skip('root may read everything, and cannot become somebody else here')
    }
    try {
      expect(await news()).toEqual([`the file "${at('key')}" cannot be read (EACCES)`])
      expect(watched.config.KEY).toBe('old')
    } finally {
      if (asRoot) process.seteuid?.(0)
    }
    chmodSync(at('key'), 0o600)
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 'new' }])
  })

  it('is told again for each new content, even in the same words', async () => {
    const { news } = watchKey('80', secret(port()))
    const problem = 'got 7 characters, expected a whole number from 0 to 65535'
    write('key', 'hunter2')
    expect(await news()).toEqual([problem])
    write('key', 'hunter3')
    expect(await news()).toEqual([problem])
    expect(await news()).toEqual([])
    write('key', '81')
    expect(await news()).toEqual([{ changed: ['KEY'], KEY: 81 }])
  })

  it('does not keep the others from changing: a key must not outlive its revocation by it', async () => {
    write('a', 'old')
    write('b', 'old')
    const { watched, news } = watch(
      { A_KEY: secret(), B_KEY: secret() },
      { A_KEY_FILE: at('a'), B_KEY_FILE: at('b') },
    )
    write('a', '')
    replace('b', 'new')
    expect(await news()).toEqual([
      `the file "${at('a')}" is empty`,
      { changed: ['B_KEY'], A_KEY: 'old', B_KEY: 'new' },
    ])
    expect({ ...watched.config }).toEqual({ A_KEY: 'old', B_KEY: 'new' })
    replace('a', 'new')
    expect(await news()).toEqual([{ changed: ['A_KEY'], A_KEY: 'new', B_KEY: 'new' }])
  })

  it('is not shown, by fault or by configuration', async () => {
    write('key', '80')
    write('name', 'a')
    const errors: ConfigError[] = []
    const changes: unknown[] = []
    const watched = watchConfig(
      { KEY: secret(port()), NAME: z.string().refine((value) => value !== 'hunter2') },
      {
        env: { KEY_FILE: at('key'), NAME_FILE: at('name') },
        onChange: (config) => changes.push(config),
        onFault: (error) => errors.push(error),
        onError: (error) => expect.fail(String(error)),
      },
    )
    watches.push(watched)
    for (const content of ['hunter2', Buffer.from('hunter2', 'utf16le'), `hunter2\0`, '3141']) {
      write('key', content)
      write('name', content === '3141' ? 'a' : 'hunter2')
      await watched.check()
    }
    expect(errors).toHaveLength(3)
    expect(errors[0]).toBeInstanceOf(ConfigError)
    expect(changes).toHaveLength(1)
    expect(inspect(errors, { depth: 10, showHidden: true }) + JSON.stringify(errors)).not.toMatch(
      /hunter2|h\0u\0/,
    )
    expect(inspect(changes) + JSON.stringify(changes)).not.toContain('3141')
  })
})
