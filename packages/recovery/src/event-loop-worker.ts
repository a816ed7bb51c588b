import { parentPort, workerData } from 'node:worker_threads'
import { exitMainThread, mainThreadStack } from './main-thread.js'
import { writeToStderr } from './stderr.js'
import { BEATS, type Blocked, DEBUGGED, type WatchData } from './watch-data.js'

// Runs in a thread of its own, started by watchEventLoop(), which is the only one to know what it is for.

/** So much a pipe takes in one piece (PIPE_BUF), so that the lines of two threads do not mix. */
const MAX_LINE_BYTES = 4096
/** The exit code that a shell and a container show after SIGKILL. */
const KILLED = 137
const DIES_WITHIN_MS = 2_000

const { cells, tickMs, blockedMs, killAfterMs, service, version } = workerData as WatchData

let seen = 0
let stalledMs = 0
let cpuBefore = process.cpuUsage()
let lastMs = performance.now()
let report: Promise<string | undefined> | undefined
let ending = false

setInterval(tick, tickMs)

function tick(): void {
  const nowMs = performance.now()
  const elapsedMs = nowMs - lastMs
  lastMs = nowMs
  const beats = Atomics.load(cells, BEATS)
  // At a breakpoint the loop stands still because somebody wants it to.
  if (beats !== seen || Atomics.load(cells, DEBUGGED) === 1) {
    seen = beats
    cpuBefore = process.cpuUsage()
    endBlock()
    return
  }
  // Was this thread late too, the process was stopped, suspended or throttled: of such a pause little counts.
  stalledMs += Math.min(elapsedMs, blockedMs / 4)
  if (stalledMs >= blockedMs) report ??= reportBlock()
  if (killAfterMs > 0 && stalledMs >= killAfterMs && !ending) void endProcess()
}

async function reportBlock(): Promise<string | undefined> {
  const duration = durations()
  const stack = await mainThreadStack()
  await writeLine('warn', 'event loop blocked', duration, stack)
  return stack?.join('\n')
}

/** Much less CPU time than time: it waits, for a child process or a lock, or its container is throttled. */
function durations() {
  const { user, system } = process.cpuUsage(cpuBefore)
  return { durationMs: Math.round(stalledMs), cpuMs: Math.round((user + system) / 1000) }
}

/** From here on the main thread's logger works again. */
function endBlock(): void {
  const durationMs = Math.round(stalledMs)
  stalledMs = 0
  report?.then((stack) => parentPort?.postMessage({ durationMs, stack } satisfies Blocked))
  report = undefined
}

async function endProcess(): Promise<void> {
  ending = true
  const duration = durations()
  const stack = await mainThreadStack()
  await writeLine('error', 'event loop blocked, ending the process', duration, stack)
  process.kill(process.pid, 'SIGKILL')
  // Still here? Linux spares process 1 of a container from signals of its own.
  exitMainThread(KILLED)
  setTimeout(() => {
    const reason = 'process 1 cannot kill itself in native code; give the container an init'
    void writeLine('error', 'event loop blocked, process cannot be ended', { reason })
  }, DIES_WITHIN_MS)
}

async function writeLine(
  level: 'warn' | 'error',
  message: string,
  fields: Record<string, unknown>,
  stack?: string[],
): Promise<void> {
  const time = new Date().toISOString()
  const frames = [...(stack ?? [])]
  let line: string
  do {
    const shown = stack && frames.join('\n')
    line = ascii(
      JSON.stringify({ time, level, message, service, version, ...fields, stack: shown }),
    )
  } while (line.length >= MAX_LINE_BYTES && frames.pop() !== undefined)
  await writeToStderr(`${line}\n`)
}

/** The names in a stack are anybody's: no character of theirs may change how a terminal shows the line. */
function ascii(json: string): string {
  return json.replace(
    /[^\x20-\x7e]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
