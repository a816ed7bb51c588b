import { close, constants, openSync, write } from 'node:fs'
import { resolve } from 'node:path'
import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { requireFunction, requireOption } from './options.js'

export interface OpenAuditOptions {
  /** Told when a file cannot be written or opened again, once until it works again. */
  onError?: (error: Error) => void
  /** Milliseconds until a failed write is tried again. @default 1000 */
  retryMs?: number
}

// A pipe without a reader must not hold up the start.
const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK
const OWNER_ONLY = 0o600
const NEWLINE = 10
const writeSome = promisify(write)

/**
 * Opens what the audit is written to: `'stdout'`, `'stderr'`, or the path of a file, made for its owner alone (0600) if it is
 * not there, appended to, and opened again on SIGHUP, as logrotate wants it.
 *
 * Where a file cannot be written, because the disk is full perhaps, the lines wait and are tried again.
 *
 * @throws TypeError `ERR_LOGGING_OPTION` for a wrong target or option; Error `ERR_LOGGING_AUDIT_FILE` for a file that cannot be
 * opened.
 */
export function openAudit(target: string, options: OpenAuditOptions = {}): Writable {
  const { onError, retryMs = 1000 } = options
  const isTarget = typeof target === 'string' && target !== '' && !target.includes('\0')
  requireOption(isTarget, 'target', "'stdout', 'stderr' or the path of a file", target)
  requireFunction('onError', onError)
  const isTime = typeof retryMs === 'number' && retryMs >= 1
  requireOption(isTime, 'retryMs', 'a number of milliseconds, at least 1', retryMs)
  if (target === 'stdout') return process.stdout
  if (target === 'stderr') return process.stderr
  return fileStream(resolve(target), retryMs, onError)
}

function open(path: string): number {
  try {
    return openSync(path, FLAGS, OWNER_ONLY)
  } catch (cause) {
    const reason = (cause as Error).message
    const remedy = `let its folder exist and user ${process.getuid?.()} write there, or use 'stdout'`
    const text = `@mcp-prod/logging: target ${JSON.stringify(path)} cannot be opened for appending (${reason}): ${remedy}`
    throw Object.assign(new Error(text, { cause }), { code: 'ERR_LOGGING_AUDIT_FILE' })
  }
}

function fileStream(path: string, retryMs: number, onError: OpenAuditOptions['onError']): Writable {
  let fd = open(path)
  let writing = false
  let failing = false
  let replaced: number[] = []

  /** Without a name the old file keeps its lines; what is being written moves on to the new one. */
  function reopen(): void {
    try {
      replaced.push(fd)
      fd = open(path)
      if (!writing) closeReplaced()
    } catch (error) {
      fd = replaced.pop() ?? fd
      tell(error as Error)
    }
  }

  function closeReplaced(): void {
    for (const old of replaced) close(old)
    replaced = []
  }

  function tell(error: Error): void {
    if (failing) return
    failing = true
    try {
      onError?.(error)
    } catch {
      // A listener that fails must not end the audit.
    }
  }

  async function append(chunk: Buffer): Promise<void> {
    let done = 0
    let into = fd
    while (done < chunk.length && !stream.destroyed) {
      if (into !== fd) {
        // The new file begins with a whole line: the one that the old file has half of.
        done = done === 0 ? 0 : chunk.lastIndexOf(NEWLINE, done - 1) + 1
        into = fd
      }
      try {
        done += (await writeSome(into, chunk, done)).bytesWritten
        failing = false
      } catch (error) {
        tell(error as Error)
        await delay(retryMs, undefined, { ref: false })
      }
    }
  }

  const stream = new Writable({
    write(chunk, _encoding, next) {
      writing = true
      append(chunk).then(() => {
        writing = false
        closeReplaced()
        next()
      }, next)
    },
    destroy(error, next) {
      process.off('SIGHUP', reopen)
      replaced.push(fd)
      if (!writing) closeReplaced()
      next(error)
    },
  })
  process.on('SIGHUP', reopen)
  return stream
}
