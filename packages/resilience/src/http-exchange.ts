import type { IncomingHttpHeaders } from 'node:http'
import { type Dispatcher, errors } from 'undici'
import { bodyBuffer } from './http-body.js'
import type { Connection } from './http-connection.js'

/** A request as it goes over the wire. */
export interface WireRequest {
  method: string
  /** With the query. */
  path: string
  headers: Record<string, string | string[]>
  body: string | Uint8Array | undefined
}

export interface WireAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface ExchangeLimits {
  headersTimeoutMs: number
  bodyTimeoutMs: number
  maxResponseBytes: number
}

/** How far an exchange came: what was never begun may be sent again, whatever it is. */
export interface Progress {
  isBegun: boolean
  isAnswered: boolean
}

/** Sends one request and reads its whole answer, or ends the connection. Waits for nothing without a limit. */
export function exchange(
  connection: Connection,
  request: WireRequest,
  limits: ExchangeLimits,
  signal: AbortSignal,
  progress: Progress,
): Promise<WireAnswer> {
  return new Promise((resolve, reject) => {
    const onAbort = () => end(signal.reason)
    const reader = answerReader({ connection, method: request.method, limits, progress, end })
    function end(error: unknown, answer?: WireAnswer) {
      signal.removeEventListener('abort', onAbort)
      reader.stop()
      if (answer) {
        connection.answeredAt = performance.now()
        resolve(answer)
      } else {
        reject(error)
        connection.destroy()
      }
    }
    if (signal.aborted) return end(signal.reason)
    signal.addEventListener('abort', onAbort)
    connection.client.dispatch({ ...request, body: request.body ?? null }, reader.handler)
  })
}

interface Reading {
  connection: Connection
  method: string
  limits: ExchangeLimits
  progress: Progress
  end(error: unknown, answer?: WireAnswer): void
}

function answerReader({ connection, method, limits, progress, end }: Reading) {
  const { headersTimeoutMs, bodyTimeoutMs, maxResponseBytes } = limits
  const body = bodyBuffer(maxResponseBytes)
  const tooLarge = () =>
    end(new errors.ResponseExceededMaxSizeError(`more than ${maxResponseBytes} bytes`))
  let head: Omit<WireAnswer, 'body'> = { status: 0, headers: {} }
  let timer: NodeJS.Timeout | undefined

  function within(timeoutMs: number, error: Error) {
    clearTimeout(timer)
    timer = setTimeout(end, timeoutMs, error)
  }
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart() {
      progress.isBegun = true
      within(headersTimeoutMs, headersTimeout(headersTimeoutMs))
    },
    onResponseStart(_controller, status, headers) {
      progress.isAnswered = true
      // Early hints give no more time.
      if (status < 200) return
      head = { status, headers }
      const announced = Number(headers['content-length'])
      const { 'transfer-encoding': coding = 'chunked' } = headers
      if (String(coding).toLowerCase() !== 'chunked')
        return end(new Error('it has a transfer coding that was not asked for'))
      // RFC 9110 §8.6: a 304 may tell the length of what it does not send; undici waits for it in vain, and fails.
      if (announced > 0 && (status === 204 || status === 304)) {
        end(undefined, { ...head, body: body.whole() })
        return connection.destroy()
      }
      if (announced > maxResponseBytes && method !== 'HEAD') return tooLarge()
      within(bodyTimeoutMs, bodyTimeout(bodyTimeoutMs))
    },
    onResponseData(_controller, chunk) {
      if (body.add(chunk)) timer?.refresh()
      else tooLarge()
    },
    onResponseEnd() {
      // undici takes a body without a length for whole also when a reset ends it.
      if (connection.fault) end(connection.fault)
      else end(undefined, { ...head, body: body.whole() })
    },
    onResponseError: (_controller, error) => end(error),
  }
  return { handler, stop: () => clearTimeout(timer) }
}

function headersTimeout(ms: number): Error {
  return new errors.HeadersTimeoutError(`no answer within ${ms} ms`)
}

function bodyTimeout(ms: number): Error {
  return new errors.BodyTimeoutError(`nothing more of the answer within ${ms} ms`)
}
