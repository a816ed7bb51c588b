import { ReplyError } from 'ioredis'

/** Redis could not be used just now; its message is for the log. */
export class RedisError extends Error {
  override name = 'RedisError'
  readonly code = 'ERR_REDIS_UNAVAILABLE'
}

/** Replies of a server that will answer again, or of another one that will. */
const OUTAGE =
  /^(LOADING|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|UNBLOCKED)\b|max number of clients/

/** What a caller is told of an error of ioredis: its message alone, for the error carries the command with its values. */
export function toldOf(error: unknown): Error {
  const message = messageOf(error)
  if (error instanceof ReplyError && !OUTAGE.test(message)) return new Error(message)
  return new RedisError(message)
}

/** Several addresses that all failed come as one error without a message. */
export function messageOf(error: unknown): string {
  const { message, errors, code } = error as AggregateError & { code?: string }
  if (message) return message
  const [first] = errors ?? []
  return first instanceof Error ? first.message : (code ?? 'unknown error')
}
