import { randomUUID } from 'node:crypto'
import type { Request, RequestHandler, Response } from 'express'
import { isLasting, observe, rpcFields } from './access-line.js'
import { contextStorage, openContext } from './context.js'
import { requireFunction, requireOption } from './options.js'
import { createSampler } from './sample.js'
import { attempt, principalOfAuth, whoAsks } from './who.js'

/** What `requestLog` needs of a logger; any structured logger has it. */
export interface RequestLogger {
  info(message: string, fields?: Record<string, unknown>): unknown
  error(message: string, fields?: Record<string, unknown>): unknown
  /** Needed with `slowMs`. */
  warn?(message: string, fields?: Record<string, unknown>): unknown
}

export interface RequestLogOptions {
  /** Whether to take the caller's `X-Request-Id` when it is well formed. @default true */
  trustRequestId?: boolean
  /** Requests without an access line, such as probes; they have an id all the same. */
  skip?: (req: Request) => boolean
  /** The id of who asks. @default `req.auth.extra.principal`, else `req.auth.clientId` */
  principalOf?: (req: Request) => string | undefined
  /**
   * The share (0 to 1) of successful requests whose access line is written, with `sampled` set to it. What was refused, failed
   * (also by an `outcome` of `addLogFields` that is not `ok`), was slow or left by its client is always written. @default 1
   */
  sampleRate?: number
  /**
   * A secret of at least 16 characters that replicas share, so that they write the lines of the same request ids.
   * @default random: each process decides for itself
   */
  sampleKey?: string
  /** Milliseconds above which a request is slow: always written, at `warn`, with `slow`. @default none */
  slowMs?: number
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/**
 * Gives each request an id, answers it as `X-Request-Id`, runs what follows so that every line logged meanwhile has
 * it, and logs one access line when the answer has ended or the client has gone. Mount it first, once.
 *
 * A 5xx is logged as `error`, all else as `info`: refusals are caused by strangers, who must not be able to flood
 * the level that people are woken by.
 *
 * A caller must not be able to hide by being sampled out, nor to wake people: see `sampleKey`; a 4xx is never slow, and
 * neither is a stream that its client keeps open.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` when `logger` or an option is wrong.
 */
export function requestLog(logger: RequestLogger, options: RequestLogOptions = {}): RequestHandler {
  const { trustRequestId = true, skip, principalOf = principalOfAuth } = options
  const { sampleRate = 1, sampleKey, slowMs = Number.POSITIVE_INFINITY } = options
  check(logger, { trustRequestId, skip, principalOf, sampleRate, sampleKey, slowMs })
  const isSampled = createSampler(sampleRate, sampleKey)

  function logAccess(req: Request, res: Response, fieldsOf: ReturnType<typeof observe>): void {
    const { fields: added, who } = contextStorage.getStore() ?? {}
    const { requestId, method, path, status, durationMs, bytes } = fieldsOf()
    const ours = status < 400 || status >= 500
    const slow = ours && durationMs > slowMs && !isLasting(req, res)
    const outcome = added?.get('outcome') ?? 'ok'
    const sampled = status < 400 && outcome === 'ok' && !slow && sampleRate < 1
    if (sampled && !isSampled(requestId)) return
    const level = status >= 500 ? 'error' : slow ? 'warn' : 'info'
    const { remoteAddress, principal, tenant, client } = who?.() ?? {}
    const { rpcMethod, tool, era, batch } = rpcFields(req)
    // One literal: objects spread into another make one that is slow to write and to free.
    logger[level]?.('request', {
      requestId,
      method,
      path,
      status,
      durationMs,
      bytes,
      slow: slow || undefined,
      sampled: sampled ? sampleRate : undefined,
      remoteAddress,
      principal,
      tenant,
      client,
      rpcMethod,
      tool,
      era,
      batch,
    })
  }

  function writeAccess(...request: Parameters<typeof logAccess>): void {
    attempt(() => logAccess(...request))
  }

  return function requestLogMiddleware(req, res, next) {
    const skipped = skip?.(req) === true
    const given = trustRequestId ? req.headers['x-request-id'] : undefined
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    const { ip: remoteAddress } = req
    const who = () => whoAsks(req, remoteAddress, principalOf)
    const context = openContext(req, requestId, who)
    if (!context) return next()
    res.setHeader('X-Request-Id', requestId)
    if (!skipped) {
      const fieldsOf = observe(req, res, requestId)
      let isWritten = false
      const write = () => {
        if (isWritten) return
        isWritten = true
        contextStorage.run(context, writeAccess, req, res, fieldsOf)
      }
      // `finish` never comes when the client goes away, and `close` not again when it went before we were asked.
      if (res.destroyed) write()
      else res.on('close', write)
    }
    contextStorage.run(context, next)
  }
}

function check(logger: RequestLogger, options: RequestLogOptions): void {
  const { trustRequestId, skip, principalOf, sampleRate = 1, sampleKey, slowMs = 1 } = options
  const isFunction = (value: unknown) => typeof value === 'function'
  requireOption(isFunction(logger?.info) && isFunction(logger?.error), 'logger', 'a logger', logger)
  const isFlag = typeof trustRequestId === 'boolean'
  requireOption(isFlag, 'trustRequestId', 'true or false', trustRequestId)
  requireFunction('skip', skip)
  requireFunction('principalOf', principalOf)
  const isShare = typeof sampleRate === 'number' && sampleRate >= 0 && sampleRate <= 1
  requireOption(isShare, 'sampleRate', 'a number from 0 to 1', sampleRate)
  const isKey = sampleKey === undefined || (typeof sampleKey === 'string' && sampleKey.length >= 16)
  requireOption(isKey, 'sampleKey', 'a secret of at least 16 characters', '[redacted]')
  const isTime = typeof slowMs === 'number' && slowMs > 0
  requireOption(isTime, 'slowMs', 'a number of milliseconds above 0', slowMs)
  const canWarn = slowMs === Number.POSITIVE_INFINITY || isFunction(logger.warn)
  requireOption(canWarn, 'logger', 'one with `warn`, for slowMs is set', logger)
}
