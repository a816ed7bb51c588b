import { ProtocolError } from '@modelcontextprotocol/server'
import { cut } from './issues.js'

/** What an error of the SDK says, up to where it quotes the message it is about: the caller's, secrets and all. */
export function withoutQuotes({ message }: Error): string {
  return cut(String(message).split(/[{["'`]/, 1)[0] ?? '')
}

/** An error of a request that the SDK refused, without the headers and arguments it quotes; any other as it is. */
export function discreet(error: Error): Error {
  const [rule] = /^Rejected inbound request \([\w-]+\)/.exec(error.message) ?? []
  if (rule) return new Error(rule)
  return error instanceof ProtocolError ? new ProtocolError(error.code, cut(error.message)) : error
}
