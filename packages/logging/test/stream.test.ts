import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, realpath, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createAudit, createLogger } from '../src/index.js'

function run(...args: string[]) {
  const script = fileURLToPath(new URL('child.ts', import.meta.url))
  return spawn(process.execPath, ['--import', 'tsx', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

const numbers = (lines: string) =>
  lines
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line).i)
const all = Array.from({ length: 10_000 }, (_, i) => i)

/** A stream that finishes a write only when it is told to. */
function slowStream() {
  let text = ''
  const held: (() => void)[] = []
  let open = false
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk
      if (open) done()
      else held.push(done)
    },
  })
  return {
    stream,
    text: () => text,
    open() {
      open = true
      for (const done of held.splice(0)) done()
    },
  }
}

describe.concurrent('a process', () => {
  it('loses none of 10,000 lines to a slow pipe when it exits after flush', async () => {
    const child = run('stdout', 'flood')
    // The pipe holds 64 KiB; the rest waits inside the process.
    await setTimeout(500)
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ])
    expect(err).toBe('')
    expect(numbers(out)).toEqual(all)
    expect(code).toBe(0)
  })

  it('leaves stdout alone when it logs to stderr', async () => {
    const child = run('stderr', 'flood')
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(out).toBe('')
    expect(numbers(err)).toEqual(all)
  })

  it('survives the reader of its log (EPIPE)', async () => {
    const child = run('stdout', 'broken')
    child.stdout.once('data', () => child.stdout.destroy())
    const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect(err).toBe('survived')
    expect(code).toBe(0)
  })
})

it('leaves Node able to find modules behind links', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'logging-')))
  await mkdir(join(folder, 'real'))
  for (const name of ['a.cjs', 'b.cjs']) {
    await writeFile(join(folder, 'real', name), 'module.exports = __filename')
  }
  await symlink('real', join(folder, 'link'))
  const child = run('stdout', 'links', join(folder, 'link'))
  expect(await text(child.stderr)).toBe(join(folder, 'real/b.cjs'))
})

it('takes lines where stdout is closed', async () => {
  const child = run('stdout', 'closed')
  const [err, [code]] = await Promise.all([text(child.stderr as Readable), once(child, 'exit')])
  expect(err).toBe('')
  expect(code).toBe(0)
})

describe('a file in stdout that takes no more', () => {
  /** Lets 41 lines meet the end of a file; then there is room again, for 20 more. */
  async function fillUp(padding: string) {
    const path = join(await mkdtemp(join(tmpdir(), 'logging-')), 'log')
    const script = fileURLToPath(new URL('child.ts', import.meta.url))
    // A write that crosses 2 KiB is short, as at the end of a disk, and the next one fails.
    const command = `ulimit -f 2; exec "$0" --import tsx "$1" stdout 'full file' "$2" >>"$3"`
    const args = ['-c', command, process.execPath, script, padding, path]
    const child = spawn('bash', args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const dropped = Number(await once(child.stderr as Readable, 'data'))
    const before = await readFile(path, 'utf8')
    child.kill('SIGUSR2')
    expect(await once(child, 'exit')).toEqual([0, null])
    const after = (await readFile(path, 'utf8')).split('\n').filter(Boolean)
    const later = after.map((line) => JSON.parse(line))
    expect(later.flatMap((line) => line.dropped ?? [])).toEqual([dropped])
    expect(later.flatMap((line) => line.i ?? [])).toEqual(all.slice(40, 60))
    return { whole: before.split('\n').length - 1, cut: before.split('\n').at(-1) ?? '', dropped }
  }

  it('loses lines, and each of them is counted', async () => {
    const inMiddle = await fillUp('')
    expect(inMiddle.whole).toBeGreaterThan(5)
    expect(inMiddle.cut).toMatch(/^{"time"/)
    expect(inMiddle.dropped).toBe(41 - inMiddle.whole)
    const shift = inMiddle.cut.length
    const atNewline = await fillUp('x'.repeat(shift))
    expect(atNewline).toEqual({ whole: inMiddle.whole, cut: '', dropped: inMiddle.dropped })
    // All of a line but its newline: it is there.
    const beforeNewline = await fillUp('x'.repeat(shift + 1))
    expect(beforeNewline).toMatchObject({ whole: inMiddle.whole - 1, dropped: inMiddle.dropped })
    expect(JSON.parse(beforeNewline.cut)).toMatchObject({ i: inMiddle.whole - 2 })
  })
})

describe('flush', () => {
  it('waits for the lines before it, not for those after it', async () => {
    const { stream, text, open } = slowStream()
    const logger = createLogger({ stream })
    let flushed = false
    logger.info('before')
    const flush = logger.flush().then(() => {
      flushed = true
    })
    await setTimeout(20)
    expect(flushed).toBe(false)
    open()
    await flush
    expect(text()).toContain('"message":"before"')
  })

  it('resolves at once when nothing waits', async () => {
    await createLogger({ stream: slowStream().stream }).flush()
    const { stream, text, open } = slowStream()
    open()
    const logger = createLogger({ stream })
    await logger.flush()
    expect(text()).toBe('')
  })

  it.each([
    ['is destroyed', undefined],
    ['fails', new Error('EPIPE')],
  ])('resolves when the stream %s, and later lines do no harm', async (_name, error) => {
    const { stream } = slowStream()
    const logger = createLogger({ stream })
    for (let i = 0; i < 10; i++) logger.info('lost', { padding: 'x'.repeat(8000) })
    const flush = logger.flush()
    await setTimeout(20)
    stream.destroy(error)
    await flush
    logger.info('later')
    await logger.flush()
    expect(stream.destroyed).toBe(true)
  })

  it('resolves when the stream has ended, and later lines do no harm', async () => {
    const { stream, text, open } = slowStream()
    open()
    const logger = createLogger({ stream })
    logger.info('before')
    await logger.flush()
    stream.end()
    logger.info('after')
    await logger.flush()
    expect(text()).toMatch(/"before"\}\n$/)
  })

  it('resolves when the stream throws', async () => {
    const { stream } = slowStream()
    stream.write = () => {
      throw new Error('write')
    }
    const logger = createLogger({ stream })
    expect(() => logger.info('lost')).not.toThrow()
    await logger.flush()
    expect(stream.writableLength).toBe(0)
  })
})

describe('a blocked stream', () => {
  it('holds back a bounded number of lines, drops the rest and says how many', async () => {
    const { stream, text, open } = slowStream()
    const logger = createLogger({ stream, service: 'shop' })
    const padding = 'x'.repeat(8000)
    for (let i = 0; i < 4000; i++) logger.info('line', { i, padding })
    await setTimeout(0)
    // What it takes before it says stop (16 KiB, or 64 KiB since Node 22), and one batch.
    expect(stream.writableLength).toBeLessThan(stream.writableHighWaterMark + 50_000)
    open()
    await logger.flush()
    const lines = text()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    const report = lines.at(-1)
    expect(report).toMatchObject({ level: 'warn', message: 'log lines dropped', service: 'shop' })
    const kept = lines.length - 1
    expect(kept).toBeGreaterThan(400)
    expect(kept * padding.length).toBeLessThan(4.1 * 1024 * 1024)
    expect(kept + report.dropped).toBe(4000)
    expect(logger.dropped).toBe(report.dropped)
    expect(logger.child({}).dropped).toBe(report.dropped)
    expect(lines.slice(0, kept).map(({ i }) => i)).toEqual(all.slice(0, kept))
    logger.info('after')
    await logger.flush()
    expect(text()).toMatch(/"message":"after".*\n$/)
  })
})

describe('lines of ten milliseconds', () => {
  function writes() {
    const chunks: string[] = []
    const stream = new Writable({
      write(chunk, _encoding, done) {
        chunks.push(String(chunk))
        done()
      },
    })
    return { logger: createLogger({ stream }), chunks, stream }
  }
  afterEach(() => {
    vi.useRealTimers()
  })

  it('are written together; one that comes alone is written at once', () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { logger, chunks } = writes()
    const written = () => chunks.map((chunk) => numbers(chunk))
    for (let i = 0; i < 5; i++) logger.info('line', { i })
    vi.advanceTimersByTime(9)
    expect(written()).toEqual([[0]])
    vi.advanceTimersByTime(1)
    expect(written()).toEqual([[0], [1, 2, 3, 4]])
    for (let i = 5; i < 7; i++) logger.info('line', { i })
    expect(written()).toEqual([[0], [1, 2, 3, 4]])
    vi.advanceTimersByTime(10)
    expect(written()).toEqual([[0], [1, 2, 3, 4], [5, 6]])
    vi.advanceTimersByTime(10)
    logger.info('line', { i: 7 })
    expect(written()).toEqual([[0], [1, 2, 3, 4], [5, 6], [7]])
    vi.advanceTimersByTime(10)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('keep their order for a logger and an audit on one stream', async () => {
    const { logger, chunks, stream } = writes()
    const audit = createAudit({ stream })
    for (let i = 0; i < 300; i++) {
      logger[i % 50 === 0 ? 'warn' : 'info']('line', { i })
      audit({ decision: 'allowed', i })
      if (i % 7 === 0) await setTimeout(1)
    }
    await Promise.all([logger.flush(), audit.flush()])
    const lines = chunks
      .join('')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
    const of = (isAudit: boolean) =>
      lines.filter(({ log }) => (log === 'audit') === isAudit).map(({ i }) => i)
    expect(of(true)).toEqual(all.slice(0, 300))
    expect(of(false)).toEqual(all.slice(0, 300))
  })

  it.each(['warn', 'error'] as const)('go at once with a line of level %s', (level) => {
    const { logger, chunks } = writes()
    for (let i = 0; i < 3; i++) logger.info('line', { i })
    logger[level]('line', { i: 3 })
    expect(chunks.flatMap((chunk) => numbers(chunk))).toEqual([0, 1, 2, 3])
  })

  it('are written in pieces that a pipe takes whole', async () => {
    const { logger, chunks } = writes()
    for (let i = 0; i < 100; i++) logger.info('line', { i, more: 'x'.repeat(300) })
    await logger.flush()
    expect(chunks.flatMap((chunk) => numbers(chunk))).toEqual([...Array(100).keys()])
    expect(chunks.length).toBeLessThan(20)
    for (const chunk of chunks) expect(chunk.length).toBeLessThanOrEqual(4096)
  })

  it.each(['exit now', 'exit soon', 'exit handler', 'crash'])(
    'are there when the process ends within them: %s',
    async (how) => {
      const child = run('stdout', how)
      const [output] = await Promise.all([text(child.stdout), once(child, 'close')])
      const lines = output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line))
      for (const name of ['logger', 'audit'])
        expect(lines.filter(({ by }) => by === name).map(({ i }) => i)).toEqual([0, 1, 2, 3, 4])
    },
  )
})

describe('dropped', () => {
  it('counts what failed and never what arrived, once each', async () => {
    let full = true
    let text = ''
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    // As stdout on a full disk: the write fails, the stream stays.
    stream.write = ((chunk: string, done: (error?: Error) => void) => {
      if (!full) text += chunk
      process.nextTick(done, full ? new Error('ENOSPC') : undefined)
      return true
    }) as never
    const logger = createLogger({ stream })
    expect(logger.dropped).toBe(0)
    for (let i = 0; i < 3; i++) {
      logger.info('lost', { i })
      await logger.flush()
      // The line that tells of those before is lost with its own line, and is none of those that were logged.
      expect(logger.dropped).toBe(i + 1)
    }
    full = false
    logger.info('kept')
    await logger.flush()
    expect(logger.dropped).toBe(3)
    expect(text).toContain('"dropped":3')
  })

  it('leaves a line that the end of the disk cut to itself, whoever writes the next one', async () => {
    let left = 10
    let text = ''
    const stream = new Writable({ write: (_chunk, _encoding, done) => done() })
    stream.write = ((chunk: string, done: (error?: Error) => void) => {
      text += chunk.slice(0, left)
      process.nextTick(done, chunk.length > left ? new Error('ENOSPC') : undefined)
      return true
    }) as never
    const logger = createLogger({ stream })
    const audit = createAudit({ stream })
    logger.info('cut')
    await logger.flush()
    left = Number.POSITIVE_INFINITY
    audit({ decision: 'allowed', method: 'ping' })
    await audit.flush()
    const [, line = ''] = text.split('\n')
    expect(JSON.parse(line)).toMatchObject({ log: 'audit', method: 'ping' })
  })

  it('counts on when the stream is gone', async () => {
    const { stream } = slowStream()
    const logger = createLogger({ stream })
    stream.destroy()
    await setTimeout(0)
    for (let i = 0; i < 5; i++) logger.info('lost')
    await logger.flush()
    expect(logger.dropped).toBe(5)
    expect(() => Object.assign(logger, { dropped: 0 })).toThrow(TypeError)
  })
})

describe.each([
  ['a stdout that nobody reads', () => 'pipe' as const],
  ['a full disk', () => openSync('/dev/full', 'a')],
])('requests are answered on with %s', (_name, stdout) => {
  it('in bounded memory, and what is lost is counted', async () => {
    const script = fileURLToPath(new URL('server-child.ts', import.meta.url))
    const child = spawn(process.execPath, ['--import', 'tsx', script], {
      stdio: ['ignore', stdout(), 'pipe'],
    })
    try {
      const [port] = await once(createInterface(child.stderr as Readable), 'line')
      const get = async (path: string) => {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, {
          signal: AbortSignal.timeout(10_000),
        })
        expect(response.status).toBe(200)
        return response.json() as Promise<{ dropped: number; rss: number }>
      }
      const before = await get('/')
      // 20 MiB of lines: five times what may wait.
      for (let i = 0; i < 260; i++) await get('/')
      const after = await get('/')
      expect(after.dropped).toBeGreaterThan(1000)
      expect(after.dropped).toBeLessThanOrEqual(262 * 11)
      expect(after.rss - before.rss).toBeLessThan(150 * 1024 * 1024)
    } finally {
      child.kill('SIGKILL')
    }
  })
})

it('adds one error listener to a stream, however many loggers share it', () => {
  const { stream } = slowStream()
  for (let i = 0; i < 50; i++) createLogger({ stream })
  expect(stream.listenerCount('error')).toBe(1)
})
