import type { Request, Response } from 'express'
import { rpcIdOf } from './calls.js'

/** A JSON-RPC 2.0 request id (§4); `null` where the id is not known. */
export type RpcId = string | number | null

/**
 * The `error` member of a JSON-RPC 2.0 response (§5.1). MCP reserves -32768…-32000; codes of our own
 * stay outside, so a refusal by an HTTP layer uses its HTTP status as the code.
 */
export interface RpcError {
  code: number
  message: string
  data?: unknown
}

/**
 * Answers with an HTTP status and a JSON-RPC error that carries the request's id where it is known.
 * Once headers are sent nothing valid can follow, so an unfinished answer is cut off by destroying its socket.
 */
export function sendRpcError(req: Request, res: Response, status: number, error: RpcError): void {
  if (!res.headersSent) res.status(status).json(errorMessage(req, error))
  else if (!res.writableEnded) res.destroy()
}

/** The JSON-RPC error response to a request, as an object. */
export function errorMessage(req: Request, { code, message, data }: RpcError) {
  return {
    jsonrpc: '2.0',
    id: rpcIdOf(req),
    error: data === undefined ? { code, message } : { code, message, data },
  }
}
