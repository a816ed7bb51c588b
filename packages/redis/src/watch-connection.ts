import type { Cluster, Redis } from 'ioredis'
import { messageOf } from './redis-error.js'

/** The methods used of a logger such as the one of `@mcp-prod/logging`. */
export interface Logger {
  debug(message: string, fields?: Record<string, unknown>): unknown
  info(message: string, fields?: Record<string, unknown>): unknown
  warn(message: string, fields?: Record<string, unknown>): unknown
}

/**
 * Tells the log when the connection is lost and when it is back, once each. Only messages are logged: the errors
 * carry their command, and so passwords and values.
 *
 * @returns why there is no connection just now, or undefined
 */
export function watchConnection(
  client: Redis | Cluster,
  logger: Logger | undefined,
  secrets: readonly string[],
): () => string | undefined {
  let lost: string | undefined
  const without = (message: string) =>
    secrets.reduce((text, secret) => text.replaceAll(secret, '***'), message)

  client.on('error', (error: Error & { lastNodeError?: Error }) => {
    const reason = without(messageOf(error.lastNodeError ?? error))
    logger?.[lost === undefined ? 'warn' : 'debug']('redis connection lost', { reason })
    lost = reason
  })
  client.on('node error', (error: Error, node: string) => {
    logger?.debug('redis node failed', { node, reason: without(messageOf(error)) })
  })
  client.on('ready', () => {
    if (lost !== undefined) logger?.info('redis connection is back')
    lost = undefined
  })
  return () => lost
}
