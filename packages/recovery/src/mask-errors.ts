import type { Logger } from './logger.js'
import { type MaskableServer, maskHandlers, maskRegistrations } from './mask-server.js'
import { masking } from './masking.js'
import { hasMethods, requireOption } from './options.js'

export interface MaskErrorsOptions {
  /** Gets every error with its stack, its cause and the correlation id. */
  logger: Logger
}

const done = new WeakSet<object>()

/**
 * Keeps what tools, prompts, resources, completions and request handlers throw from the caller of a server of the MCP SDK, of
 * either line. The SDK sends the text of any error; the caller gets `Internal error (correlation id …)` instead, and the log
 * the rest under that id. What a tool returns with `isError` passes, and so do errors of the SDK's own class (`McpError`,
 * `ProtocolError`) with any code but -32603. Call it right after the server is made; a second call changes nothing.
 *
 * @returns the same server.
 * @throws TypeError `ERR_RECOVERY_OPTION` without a logger, for what is no such server, and when it has tools, prompts or
 * resources already.
 */
export function maskErrors<Server extends MaskableServer>(
  server: Server,
  options: MaskErrorsOptions,
): Server {
  const { logger } = options ?? {}
  const isLogger = hasMethods(logger, 'info', 'error')
  requireOption(isLogger, 'logger', 'a logger with info() and error()', logger)
  const mask = masking(logger)
  const low = hasMethods(server, 'registerTool') ? (server as { server?: unknown }).server : server
  const isServer = hasMethods(low, 'setRequestHandler', 'connect')
  requireOption(isServer, 'server', 'an McpServer or Server of the MCP SDK', server)
  if (done.has(server)) return server

  if (low === server) maskHandlers(server, mask)
  else maskRegistrations(server, mask, done.has(low as object))
  done.add(server).add(low as object)
  return server
}
