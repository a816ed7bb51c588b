import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type Answer, MalformedAnswer, readAnswers } from '../fuzz/answers.js'

/** How a connection ended: never begun, closed by the server in order, or reset. */
export type End = 'refused' | 'closed' | 'reset'

export interface Line {
  send(bytes: Buffer | string): void
  /** The answers that have arrived whole. */
  answers(): Answer[]
  bytes(): number
  /** The client's port, by which the server knows the connection; undefined when it was refused. */
  port(): number | undefined
  /** Resolves when it holds, or when the connection has ended. */
  until(holds: () => boolean): Promise<void>
  ended: Promise<{
    end: End /** Bytes of an answer that is not whole. */
    rest: number
    malformed?: string
  }>
  /** The TLS handshake, now, where `open` was told to wait with it. */
  handshake(): void
}

const closeOf = (socket: Socket) =>
  new Promise<void>((resolve) => void socket.once('close', () => resolve()))

/** A client's connection that leaves every word to the test, and closes only when the server has. */
export function openLine(port: number, tls: boolean, waitWithTls = false): Line {
  const tcp = connect({ port, host: '127.0.0.1', noDelay: true })
  let socket: Socket = tcp
  let received: Buffer = Buffer.alloc(0)
  let answers: Answer[] = []
  let rest = 0
  let malformed: string | undefined
  let end: End = 'refused'
  let localPort: number | undefined
  let changed = () => {}

  function watch(watched: Socket) {
    socket = watched
    watched.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      try {
        const read = readAnswers(received, { head: false, closed: false })
        answers = read.answers
        rest = read.rest.length
      } catch (error) {
        if (!(error instanceof MalformedAnswer)) throw error
        malformed = error.message
      }
      changed()
    })
    watched.on('error', () => {
      if (end !== 'refused') end = 'reset'
    })
  }
  function handshake() {
    // The certificate is one of the test's own, made for this run.
    watch(connectTls({ socket: tcp, rejectUnauthorized: false }))
  }

  tcp.once('connect', () => {
    end = 'closed'
    localPort = tcp.localPort
    changed()
  })
  watch(tcp)
  // A TLS socket reads for itself: what comes on the one below is no answer.
  if (tls) tcp.removeAllListeners('data')
  if (tls && !waitWithTls) handshake()
  const ended = closeOf(tcp).then(() => {
    changed()
    return { end, rest, ...(malformed && { malformed }) }
  })

  return {
    send: (bytes) => void (socket.writable && socket.write(bytes)),
    answers: () => answers,
    bytes: () => received.length,
    port: () => localPort,
    until(holds) {
      return new Promise((resolve) => {
        changed = () => {
          if (holds() || malformed || tcp.closed) resolve()
        }
        changed()
      })
    },
    ended,
    handshake,
  }
}
