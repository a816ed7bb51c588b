import { isInputRequiredResult } from '@modelcontextprotocol/server'

/**
 * Whether a value asks the client for more.
 *
 * @throws TypeError when JSON cannot hold it: here it can still be masked, later the SDK would not answer at all.
 */
export function asksClient(value: unknown): value is object {
  if (!isInputRequiredResult(value)) return false
  JSON.stringify(value)
  return true
}
