import { open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { callNumbers, isMean2 } from './support/faults/call.js'
import { flood } from './support/faults/flood.js'
import { expectCleanLog } from './support/faults/judge.js'
import { logReader } from './support/faults/log-reader.js'
import {
  type FaultServer,
  killAll,
  type LogLine,
  startServer,
  stopServer,
} from './support/faults/server.js'
import { noMounts, smallDisk } from './support/faults/small-disk.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const MIB = 1024 * 1024
/** Nothing here waits for a log; this is for two busy processors. */
const SLACK_MS = 10_000

let project: Project
beforeAll(async () => {
  project = await writeServer('faults-log')
})
afterEach(killAll)
afterAll(killAll)

/** Calls one after the other, each of which must be answered as if nothing were wrong. */
async function expectAnswers(server: FaultServer, count: number) {
  for (let i = 0; i < count; i++) {
    const call = await callNumbers(server)
    expect(call).toSatisfy(isMean2)
    expect(call.ms).toBeLessThan(SLACK_MS)
  }
}

async function expectProbesWell(stopWatching: ReturnType<typeof watch>) {
  const { health, ready } = await stopWatching()
  expect({ health, ready }).toEqual({ health: [200], ready: [200] })
}

it('a log that can never be written: calls are answered, and the server ends well', async () => {
  const full = await open('/dev/full', 'w')
  const server = await startServer(project, { stdout: full.fd })
  const stopWatching = watch(server)
  await expectAnswers(server, 50)
  await expectProbesWell(stopWatching)
  await stopServer(server)
  expectCleanLog(server)
  await full.close()
})

it('a disk that fills up and is freed: calls are answered, the log goes on and tells what it lost', async ({
  skip,
}) => {
  const reason = noMounts()
  if (reason) skip(reason)
  const disk = await smallDisk(project.folder, 256)
  const server = await startServer(project, { wrapper: disk.wrapper })
  const [log, filler] = [disk.path(server.pid, 'log'), disk.path(server.pid, 'filler')]
  const stopWatching = watch(server)
  await expectAnswers(server, 10)
  await expect(writeFile(filler, Buffer.alloc(MIB))).rejects.toThrow('ENOSPC')
  const fullAt = (await stat(log)).size
  await expectAnswers(server, 50)
  // What was left of the last page.
  expect((await stat(log)).size).toBeLessThan(fullAt + 4096)
  await rm(filler)
  await expectAnswers(server, 10)
  await expectProbesWell(stopWatching)
  await expect
    .poll(async () => requestsIn(await linesOf(log)) + droppedIn(await linesOf(log)))
    .toBe(70)
  const text = await readFile(log, 'utf8')
  const read = await linesOf(log)
  // Of the log and of the audit the line that met the end of the disk may be cut; no other one.
  expect(text.split('\n').filter(Boolean).length - read.length).toBeLessThanOrEqual(2)
  expect(requestsIn(read)).toBeGreaterThanOrEqual(20)
  await stopServer(server)
  expectCleanLog(server)
})

/** The lines of a log that are whole. */
async function linesOf(log: string): Promise<LogLine[]> {
  const lines = (await readFile(log, 'utf8')).split('\n')
  return lines.flatMap((line): LogLine[] => (isJson(line) ? [JSON.parse(line)] : []))
}

const droppedIn = (lines: readonly LogLine[]) =>
  lines
    .filter(({ message }) => message === 'log lines dropped')
    .reduce((sum, line) => sum + Number(line.dropped), 0)

function isJson(line: string): boolean {
  try {
    JSON.parse(line)
    return true
  } catch {
    return false
  }
}

it('a reader of the log that hangs: calls are answered, memory is bounded, and what was lost is counted', async () => {
  const count = 80_000
  const reader = await logReader(project.folder)
  // Half of it is the program's own; all the lines to come would be more than the other half.
  const env = { NODE_OPTIONS: '--max-old-space-size=96' }
  const server = await startServer(project, { stdout: reader.pipe.fd, env })
  await reader.pipe.close()
  const stopWatching = watch(server)
  await expectAnswers(server, 10)
  await expect.poll(() => requestsIn(reader.lines)).toBe(10)
  reader.hang()
  // As long as access lines get: the pipe takes 64 KiB of them, and the logger keeps 4 MiB.
  const headers = { 'X-Request-Id': 'r'.repeat(128) }
  const outcomes = await flood(new URL(`/${'p'.repeat(200)}`, server.url), { count, headers })
  expect(outcomes).toEqual({ 404: count })
  await expectAnswers(server, 10)
  reader.goOn()
  const told = () => reader.lines.filter(({ message }) => message === 'log lines dropped')
  await expect.poll(told, { timeout: 20_000 }).toHaveLength(1)
  const dropped = Number(told()[0]?.dropped)
  expect(dropped).toBeGreaterThan(100)
  expect(requestsIn(reader.lines) + dropped).toBe(count + 20)
  await expectAnswers(server, 10)
  await expect.poll(() => requestsIn(reader.lines) + dropped).toBe(count + 30)
  await expectProbesWell(stopWatching)
  await stopServer(server)
  await expect.poll(() => reader.process.exitCode).toBe(0)
  expectCleanLog({ ...server, lines: reader.lines })
})

const requestsIn = (lines: readonly LogLine[]) =>
  lines.filter(({ message }) => message === 'request').length

it('a reader of the log that hangs at the end: the server ends all the same, in its time', async () => {
  const reader = await logReader(project.folder)
  const env = { SHUTDOWN_DRAIN: '1s' }
  const server = await startServer(project, { stdout: reader.pipe.fd, env })
  await reader.pipe.close()
  reader.hang()
  await flood(new URL('/x', server.url), { count: 1_000 })
  const started = performance.now()
  server.process.kill('SIGTERM')
  expect(await server.exited).toBe(1)
  // Grace, drain and five seconds for the rest.
  expect(performance.now() - started).toBeLessThan(6_000 + SLACK_MS)
  expect(server.stderr()).toBe('')
})
