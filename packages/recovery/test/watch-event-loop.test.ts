import { spawn, spawnSync } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type WatchEventLoopOptions, watchEventLoop } from '../src/index.js'
import { exitOf, type Line } from './support/server.js'

const root = fileURLToPath(new URL('..', import.meta.url))

interface RunOptions {
  watch?: object
  wrapper?: readonly string[]
  nodeArgs?: readonly string[]
  env?: Record<string, string>
  /** `unread`: a socket that nobody reads. A number: a file descriptor. */
  stderr?: 'unread' | number
}

/** Runs a script under watch, with the built package, until it ends. */
async function run(script: string, options: RunOptions = {}) {
  const { watch = {}, wrapper = [], nodeArgs = [], env = {}, stderr } = options
  const source = `
    import { watchEventLoop } from '@mcp-prod/recovery'
    const say = (message, fields) => console.log(JSON.stringify({ message, ...fields, error: String(fields?.error) }))
    const logger = { info: say, warn: say, error: say }
    const options = ${JSON.stringify({ blockedMs: 200, killAfterMs: 0, ...watch })}
    const after = (ms, run) => setTimeout(run, ms)
    const STARTED = 1_500 // The thread of the watch needs a while to start.
    function spin(ms) { const startMs = performance.now(); while (performance.now() - startMs < ms); }
    ${script}`
  const [command = '', ...args] = [
    ...[...wrapper, process.execPath, ...nodeArgs],
    ...['--input-type=module', '--eval', source],
  ]
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'pipe', typeof stderr === 'number' ? stderr : 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '', ...env },
  })
  const out = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => {
    out.stdout += chunk
  })
  if (stderr === 'unread') child.once('exit', () => child.stderr?.destroy())
  else {
    child.stderr?.on('data', (chunk) => {
      out.stderr += chunk
    })
  }
  const linesOf = (text: string): Line[] =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
  const exit = await exitOf(child)
  return { exit, ...out, told: linesOf(out.stdout), toldMeanwhile: linesOf(out.stderr) }
}

describe('a block', () => {
  it('in native code is told without a stack, with how little it computed', async () => {
    const { told, toldMeanwhile } = await run(`
      import { execFileSync } from 'node:child_process'
      watchEventLoop({ logger, ...options })
      after(STARTED, () => { execFileSync('sleep', ['5']); after(1_500, () => {}) })
    `)
    expect(toldMeanwhile).toMatchObject([{ message: 'event loop blocked' }])
    expect(toldMeanwhile[0]).not.toHaveProperty('stack')
    expect(toldMeanwhile[0]?.cpuMs).toBeTypeOf('number')
    expect(told).toMatchObject([{ message: 'event loop was blocked' }])
  })

  it('by a regular expression is told with the line it is in', async () => {
    const { toldMeanwhile } = await run(
      `watchEventLoop({ logger, ...options })
      after(100, function match() { /^(a+)+$/.test('a'.repeat(40) + 'b') })`,
      { watch: { killAfterMs: 600 } },
    )
    expect(toldMeanwhile.map(({ message }) => message)).toEqual([
      'event loop blocked',
      'event loop blocked, ending the process',
    ])
    for (const { stack } of toldMeanwhile) expect(stack).toMatch(/^at match \(/)
  })

  it('is told each time', async () => {
    const { told, toldMeanwhile, exit } = await run(`
      watchEventLoop({ logger, ...options })
      after(STARTED, () => { spin(2_500); after(1_500, () => { spin(2_500); after(1_500, () => {}) }) })
    `)
    expect(toldMeanwhile).toHaveLength(2)
    expect(told).toHaveLength(2)
    expect(exit).toBe(0)
  })

  it('is one short line, whatever the functions are called', async () => {
    const { stderr, toldMeanwhile } = await run(`
      watchEventLoop({ logger, ...options })
      const name = '\\n\\u001b[2J\\u202e' + 'ü'.repeat(5000)
      const evil = { [name]: () => spin(2_500) }
      const recurse = (depth) => depth === 0 ? evil[name]() : recurse(depth - 1)
      after(STARTED, () => recurse(100))
    `)
    expect(toldMeanwhile).toHaveLength(1)
    expect(stderr).toMatch(/^[\x20-\x7e]+\n$/)
    expect(stderr.length).toBeLessThanOrEqual(4096)
    expect(toldMeanwhile[0]?.stack).toContain('\u001b[2J')
  })

  it('survives an observer that throws', async () => {
    const { told, exit } = await run(`
      watchEventLoop({ logger, ...options, onBlocked() { throw new Error('broken') } })
      after(STARTED, () => { spin(2_500); after(1_500, () => say('alive')) })
    `)
    expect(told.map(({ message }) => message)).toEqual(['event loop was blocked', 'alive'])
    expect(exit).toBe(0)
  })
})

const isolated = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc']
const canIsolate = spawnSync(isolated[0] ?? '', [...isolated.slice(1), 'true']).status === 0

describe('the end after killAfterMs', () => {
  const floodStderr = `
    import { writeSync } from 'node:fs'
    watchEventLoop({ logger, ...options })
    after(100, () => { for (;;) try { writeSync(2, 'x'.repeat(4096)) } catch {} })`

  it('stands in a file between the lines of the process itself, and overwrites none', async () => {
    const path = join(await mkdtemp(join(tmpdir(), 'watch-stderr-')), 'stderr.log')
    const fd = openSync(path, 'w')
    const say = (word: string) => `process.stderr.write('{"message":"${word}"}\\n')`
    const script = `watchEventLoop({ logger, ...options }); ${say('before')}
      after(2 * STARTED, () => { spin(3_000); ${say('after')} }); after(STARTED * 5, () => process.exit())`
    await run(script, { stderr: fd })
    closeSync(fd)
    const lines = (await readFile(path, 'utf8')).trimEnd().split('\n')
    const messages = lines.map((line) => JSON.parse(line).message)
    expect(messages[0]).toBe('before')
    expect(messages.at(-1)).toBe('after')
    expect(messages.length).toBeGreaterThanOrEqual(3)
  })

  it('comes although stderr is a full socket that nobody reads', async () => {
    const { exit } = await run(floodStderr, { watch: { killAfterMs: 600 }, stderr: 'unread' })
    expect(exit).toBe('SIGKILL')
  })

  it('comes although stderr is a full pipe that nobody reads', async () => {
    const pipe = join(await mkdtemp(join(tmpdir(), 'recovery-')), 'stderr')
    spawnSync('mkfifo', [pipe])
    // In this order: a pipe is opened for writing when it has a reader.
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const writer = openSync(pipe, constants.O_WRONLY)
    const { exit } = await run(floodStderr, { watch: { killAfterMs: 600 }, stderr: writer })
    closeSync(writer)
    closeSync(reader)
    expect(exit).toBe('SIGKILL')
  })

  it('leaves its last line in a file, behind what is there', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'recovery-')), 'stderr')
    await writeFile(file, 'first\n')
    const fd = openSync(file, 'a')
    const script = `watchEventLoop({ logger, ...options })
      after(100, () => spin(60_000))`
    await run(script, { watch: { killAfterMs: 600 }, stderr: fd })
    closeSync(fd)
    const lines = (await readFile(file, 'utf8')).split('\n')
    expect(lines).toEqual([
      'first',
      expect.stringContaining('"event loop blocked"'),
      expect.stringContaining('"event loop blocked, ending the process"'),
      '',
    ])
  })

  it.runIf(canIsolate)('comes also to process 1, which no signal of its own can end', async () => {
    const { exit, toldMeanwhile } = await run(
      `say('pid', { pid: process.pid })
      watchEventLoop({ logger, ...options })
      after(100, () => spin(60_000))`,
      { watch: { killAfterMs: 600 }, wrapper: isolated },
    )
    expect(exit).toBe(137)
    expect(toldMeanwhile.at(-1)?.message).toBe('event loop blocked, ending the process')
  })

  it.runIf(canIsolate)('is told to be impossible for process 1 in native code', async () => {
    const { exit, toldMeanwhile } = await run(
      `import { execFileSync } from 'node:child_process'
      watchEventLoop({ logger, ...options })
      after(100, () => { execFileSync('sleep', ['8']); spin(60_000) })`,
      { watch: { killAfterMs: 600 }, wrapper: isolated },
    )
    expect(toldMeanwhile.at(-1)?.message).toBe('event loop blocked, process cannot be ended')
    // As soon as the native code is over.
    expect(exit).toBe(137)
  })
})

describe('the watch', () => {
  it.each([0, 7])('keeps nothing alive and leaves exit code %s alone', async (code) => {
    const { exit, stdout, stderr } = await run(`
      watchEventLoop({ logger, ...options })
      process.exitCode = ${code}
    `)
    expect([exit, stdout, stderr]).toEqual([code, '', ''])
  })

  it('ends when it is stopped, also with a report under way', async () => {
    const { exit, stderr, told } = await run(`
      const stop = watchEventLoop({ logger, ...options })
      after(STARTED, async () => {
        spin(250)
        await stop()
        await stop()
        spin(800)
        say('stopped')
      })
    `)
    expect(told.at(-1)?.message).toBe('stopped')
    expect(stderr.split('\n').length).toBeLessThanOrEqual(2)
    expect(exit).toBe(0)
  })

  it('is told when its thread dies, and the process goes on', async () => {
    const { told, exit } = await run(`
      import threads from 'node:worker_threads'
      import { syncBuiltinESMExports } from 'node:module'
      let thread
      threads.Worker = class extends threads.Worker {
        constructor(...args) { super(...args); thread = this }
      }
      syncBuiltinESMExports()
      watchEventLoop({ logger, ...options })
      after(STARTED, () => thread.terminate())
      after(STARTED + 1_000, () => { spin(600); after(100, () => say('alive')) })
    `)
    expect(told).toMatchObject([
      {
        message: 'event loop is no longer watched',
        error: expect.stringMatching(/its thread ended/),
      },
      { message: 'alive' },
    ])
    expect(exit).toBe(0)
  })

  it('is told when threads are not allowed, and the process goes on', async () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission')
      ? '--permission'
      : '--experimental-permission'
    const { told, exit } = await run(
      `watchEventLoop({ logger, ...options })
      after(300, () => say('alive'))`,
      { nodeArgs: [flag, '--allow-fs-read=*'] },
    )
    expect(told).toMatchObject([
      { message: 'event loop is no longer watched' },
      { message: 'alive' },
    ])
    expect(exit).toBe(0)
  })

  it('neither loads what is preloaded into the process, nor gets its environment', async () => {
    const preload = `data:text/javascript,console.log(%27{%22message%22:%22preloaded%22}%27)`
    const { told } = await run(
      `watchEventLoop({ logger, ...options })
      after(STARTED, () => { spin(2_500); after(1_500, () => {}) })`,
      { env: { NODE_OPTIONS: `--import=${preload}` } },
    )
    expect(told.map(({ message }) => message)).toEqual(['preloaded', 'event loop was blocked'])
  })
})

const options: WatchEventLoopOptions = { logger: console }

it.each([
  ['logger', { logger: {} }],
  ['blockedMs', { blockedMs: 10 }],
  ['blockedMs', { blockedMs: '1000' }],
  ['killAfterMs', { killAfterMs: 1_000 }],
  ['killAfterMs', { killAfterMs: Number.NaN }],
  ['onBlocked', { onBlocked: null }],
  ['service', { service: 'x'.repeat(201) }],
  ['version', { version: 1 }],
])('refuses a wrong %s at creation, by name', (option, wrong) => {
  expect(() => watchEventLoop({ ...options, ...wrong } as never)).toThrow(
    expect.objectContaining({
      code: 'ERR_RECOVERY_OPTION',
      message: expect.stringContaining(`@mcp-prod/recovery: ${option}`),
    }),
  )
})
