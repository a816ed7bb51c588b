import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callNumbers, callTool, isMean2, type Outcome, together } from './support/faults/call.js'
import { change } from './support/faults/change.js'
import { expectCleanLog, healthOf, holds } from './support/faults/judge.js'
import {
  type FaultServer,
  freePort,
  killAll,
  memoryOf,
  startServer,
  stopServer,
  track,
} from './support/faults/server.js'
import {
  answerOf,
  fineAnswer,
  fineBody,
  type OnRequest,
  pour,
  weatherUpstream,
} from './support/faults/upstream.js'
import { watch } from './support/faults/watch.js'
import { type Project, writeServer } from './support/project.js'

const MIB = 1024 * 1024
const GB = 1e9
const CALLS = 20
const TIMEOUT_MS = 1_000
/** On top of a timeout, for two busy processors. */
const SLACK_MS = 15_000
/** A breaker that has opened looks again after ten seconds at most. */
const BREAKER = 'breaker: { openMs: 500 }, maxResponseBytes'
const RECOVERY_MS = 15_000
const UNAVAILABLE = 'The weather service is not available; try again in a minute'
const place = { latitude: 59.3, longitude: 18.1 }

const callWeather = (server: FaultServer) => callTool(server, 'current_weather', place)
const isFine = ({ result }: Outcome) => result?.structuredContent?.temperatureC === 7.5

let project: Project
beforeAll(async () => {
  project = await writeServer('faults-upstream')
})
afterAll(killAll)

const start = (url: string) =>
  startServer(project, { env: { WEATHER_URL: url, WEATHER_TIMEOUT: `${TIMEOUT_MS}ms` } })

/** Twenty callers of the broken tool and one of another, then one after the other until all is well again. */
async function survives(server: FaultServer, fault: () => unknown, mend: () => unknown) {
  expect(await callWeather(server)).toSatisfy(isFine)
  const stopWatching = watch(server)
  await fault()
  const calls = together(CALLS, () => callWeather(server))
  await sleep(100)
  const other = await callNumbers(server)
  expect(other).toSatisfy(isMean2)
  expect(other.ms).toBeLessThan(SLACK_MS)
  for (const { status, result, ms } of await calls) {
    expect(status).toBe(200)
    expect(result).toMatchObject({ isError: true, content: [{ type: 'text', text: UNAVAILABLE }] })
    expect(result?.content).toHaveLength(1)
    expect(ms).toBeLessThan(TIMEOUT_MS + SLACK_MS)
  }
  await mend()
  const again = async () => isFine(await callWeather(server))
  await expect.poll(again, { timeout: RECOVERY_MS, interval: 250 }).toBe(true)
  const probesOf = () => healthOf(server)
  await expect.poll(probesOf, { timeout: 5_000, interval: 250 }).toMatchObject({ status: 'ok' })
  const { health, ready, times } = await stopWatching()
  expect({ health, ready }).toEqual({ health: [200], ready: [200] })
  expect(times).toBeGreaterThan(0)
}

it('a weather service that is gone, and is there again: its breaker lets one call try after ten seconds', async () => {
  const upstream = await weatherUpstream()
  const server = await start(upstream.url)
  await survives(server, upstream.refuses, upstream.well)
  await stopServer(server)
  expectCleanLog(server)
  await upstream.close()
})

describe('a weather service, behind a breaker that tries again after half a second,', () => {
  let upstream: Awaited<ReturnType<typeof weatherUpstream>>
  let server: FaultServer
  beforeAll(async () => {
    await change(project, 'upstream/weather.js', 'maxResponseBytes', BREAKER)
    upstream = await weatherUpstream()
    server = await start(upstream.url)
  })
  afterAll(() => upstream.close())

  const zeros = gzipSync(Buffer.alloc(10 * MIB))
  const tenGigabytes = answerOf([`Content-Length: ${10 * GB}`])
  const drip: OnRequest = (socket) => {
    socket.write(answerOf([`Content-Length: ${fineBody.length}`]))
    let sent = 0
    const timer = setInterval(() => socket.write(fineBody.charAt(sent++)), 500)
    socket.once('close', () => clearInterval(timer))
  }
  const faults: [string, OnRequest][] = [
    ['that takes the request and never answers', () => {}],
    ['whose answer comes a byte at a time', drip],
    ['that resets the connection before it answers', (socket) => socket.resetAndDestroy()],
    [
      'that resets the connection within its answer',
      (socket) =>
        socket.write(fineAnswer.slice(0, -20), () => setImmediate(() => socket.resetAndDestroy())),
    ],
    [
      'that ends before the length it told',
      (socket) => socket.end(answerOf([`Content-Length: ${fineBody.length + 1000}`], fineBody)),
    ],
    [
      'that waits before the length it told',
      (socket) => socket.write(answerOf([`Content-Length: ${fineBody.length + 1000}`], fineBody)),
    ],
    [
      'that tells half of its length',
      (socket) => socket.write(answerOf([`Content-Length: ${fineBody.length / 2}`], fineBody)),
    ],
    [
      'that tells two lengths',
      (socket) =>
        socket.write(
          answerOf([`Content-Length: ${fineBody.length}`, 'Content-Length: 5'], fineBody),
        ),
    ],
    [
      'that is no HTTP at all',
      (socket) => socket.write('220 mail.example ESMTP password=hunter2\r\n'),
    ],
  ]
  it.for(faults)(
    '%s: callers are told so in time, and get answers again when it is well',
    async ([, how]) => {
      const upstream = await weatherUpstream()
      const server = await start(upstream.url)
      await survives(server, () => upstream.breaks(how), upstream.well)
      await upstream.close()
    },
  )

  it('that is stopped in the middle of everything, its connections open: the same', async () => {
    const port = await freePort()
    const script = `require('http').createServer((_, res) => res.end(process.argv[1]))
      .listen(${port}, '127.0.0.1', () => console.log('up'))`
    const child = track(
      spawn(process.execPath, ['-e', script, fineBody], { stdio: ['ignore', 'pipe', 'inherit'] }),
    )
    if (child.stdout) await once(child.stdout, 'data')
    const own = await start(`http://127.0.0.1:${port}/`)
    await survives(
      own,
      () => child.kill('SIGSTOP'),
      () => child.kill('SIGCONT'),
    )
    child.kill('SIGKILL')
    await stopServer(own)
    expectCleanLog(own)
  })

  const floods: [string, OnRequest][] = [
    [
      '10 GB with their length',
      (socket) => {
        socket.write(tenGigabytes)
        pour(socket, Buffer.alloc(64 * 1024, ' '), 10 * GB)
      },
    ],
    [
      '10 GB without a length',
      (socket) => {
        socket.write(answerOf(['Connection: close']))
        pour(socket, Buffer.alloc(64 * 1024, ' '), 10 * GB)
      },
    ],
    [
      '10 GB in chunks',
      (socket) => {
        socket.write(answerOf(['Transfer-Encoding: chunked']))
        pour(socket, Buffer.from(`8000\r\n${' '.repeat(0x8000)}\r\n`), 10 * GB)
      },
    ],
    [
      'headers without end',
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\n')
        pour(socket, Buffer.from(`X-Filler: ${'x'.repeat(4000)}\r\n`), 10 * GB)
      },
    ],
    [
      'a compressed 10 GB',
      (socket) => {
        socket.write(answerOf(['Content-Encoding: gzip', 'Connection: close']))
        pour(socket, zeros, zeros.length * 1000)
      },
    ],
  ]
  it.for(floods)('that answers with %s: nothing of it is kept', async ([, how]) => {
    const sent = upstream.sent()
    const memory = () => memoryOf(server.pid, 'VmHWM')
    const mend = async () => {
      expect(await memory()).toBeLessThan(256 * MIB)
      await upstream.well()
    }
    await survives(server, () => upstream.breaks(how), mend)
    // What was on its way when the client closed, and with retries twice of it.
    expect(upstream.sent() - sent).toBeLessThan(CALLS * 2 * 8 * MIB)
  })

  it('ends well, and none of it looked like a fault of its own', async () => {
    await stopServer(server)
    expectCleanLog(server)
    expect(holds(server.lines, 'hunter2')).toBe(false)
  })
})
