import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type Answer, MalformedAnswer, readAnswers } from './answers.js'

/**
 * What ends an exchange. `answered`: an answer is owed, and waited for. `open`: perhaps there is one, and after a pause
 * with none the client says that it will send no more. `half`: it says so at once, and still reads. `cut` and `reset`: it
 * is gone as soon as it has sent. `begun`: it goes when an answer has begun.
 */
export type Ending = 'answered' | 'open' | 'half' | 'cut' | 'reset' | 'begun'

export interface Exchange {
  /** Sent one after the other, so that they arrive apart. */
  parts: readonly Buffer[]
  ending: Ending
  /** Whether the request was HEAD, whose answer has a length and no body. @default false */
  head?: boolean
  /** A further request on the same connection, if the server keeps it: it must get its own answer. */
  next?: Buffer
}

export interface Outcome {
  answers: Answer[]
  /** Those that came after `next`; undefined where it was not sent. */
  toNext: Answer[] | undefined
  /** Everything received, for the report. */
  received: Buffer
  /** What was wrong with the exchange as such. */
  fault: string | undefined
}

const PAUSE_MS = 150
/** No answer takes as long, unless something hangs. */
const DEADLINE_MS = 20_000

/** Sends bytes as they are, reads what comes and leaves nothing open. */
export async function exchange(port: number, request: Exchange): Promise<Outcome> {
  const { parts, ending, head = false } = request
  const line = openLine(port, head)
  await send(line, parts)
  await waitFor(line, ending)
  let toNext: Answer[] | undefined
  const before = line.answers().length
  if (request.next && before > 0 && line.socket.writable && !saysClose(line.answers())) {
    line.socket.write(request.next)
    await line.until(() => line.answers().length > before, DEADLINE_MS)
    toNext = line.answers().slice(before)
  }
  const closes = ending === 'answered' || ending === 'open' || ending === 'half'
  if (closes) {
    // With nothing more to come, and nothing owed, the server closes too.
    line.socket.end()
    await line.until(() => false, DEADLINE_MS)
  }
  const hung = closes && !line.closed()
  line.socket.destroy()
  const fault = hung ? `not closed after ${DEADLINE_MS} ms` : line.fault(ending)
  return { answers: line.answers(), toNext, received: line.received(), fault }
}

async function send({ socket, connected }: Line, parts: readonly Buffer[]): Promise<void> {
  await connected
  for (const part of parts) {
    if (socket.writable) socket.write(part)
    if (parts.length > 1) await setImmediate()
  }
}

async function waitFor(line: Line, ending: Ending): Promise<void> {
  if (ending === 'reset') line.socket.resetAndDestroy()
  else if (ending === 'cut') await flushed(line.socket)
  else if (ending === 'begun') await line.until(() => line.received().length > 0, PAUSE_MS)
  else if (ending !== 'half') {
    const ms = ending === 'open' ? PAUSE_MS : DEADLINE_MS
    await line.until(() => line.answers().length > 0, ms)
  }
}

type Line = ReturnType<typeof openLine>

function openLine(port: number, head: boolean) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let received: Buffer = Buffer.alloc(0)
  let answers: Answer[] = []
  let rest: Buffer = received
  let malformed: string | undefined
  let isClosed = false
  let changed = () => {}

  function read(): void {
    try {
      ;({ answers, rest } = readAnswers(received, { head, closed: isClosed }))
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error
      malformed = error.message
    }
    changed()
  }
  function close(): void {
    isClosed = true
    read()
  }
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk])
    read()
  })
  // A reset is a way to end a connection too; what was received is judged.
  socket.on('error', () => {})
  socket.once('end', close).once('close', close)
  const connected = new Promise<void>((resolve) => {
    socket.once('connect', resolve).once('close', () => resolve())
  })

  return {
    socket,
    connected,
    answers: () => answers,
    received: () => received,
    closed: () => isClosed,
    /** Resolves when it holds, when the server has closed, or when the time is over. */
    until(holds: () => boolean, ms: number): Promise<void> {
      return new Promise((resolve) => {
        const timer = setTimeout(done, ms)
        function done(): void {
          clearTimeout(timer)
          changed = () => {}
          resolve()
        }
        changed = () => {
          if (isClosed || malformed || holds()) done()
        }
        changed()
      })
    },
    fault(ending: Ending): string | undefined {
      if (malformed) return `malformed answer: ${malformed}`
      if (ending !== 'answered') return undefined
      if (answers.length === 0) return 'closed without an answer'
      return rest.length > 0 ? 'the last answer is not complete' : undefined
    },
  }
}

async function flushed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    if (!socket.writable) return resolve()
    socket.once('close', () => resolve())
    socket.write('', () => resolve())
  })
  socket.destroy()
}

function saysClose(answers: readonly Answer[]): boolean {
  return answers.some(({ headers }) =>
    headers.some(([name, value]) => name === 'connection' && value.toLowerCase() === 'close'),
  )
}
