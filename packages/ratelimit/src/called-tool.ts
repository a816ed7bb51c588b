import type { Call } from '@mcp-prod/rpc'
import { fault } from './options.js'

/** The tool that a call runs, as its caller names it. */
export function calledTool({ method, name }: Call): string | undefined {
  return method === 'tools/call' ? name : undefined
}

/** As `toolOf` has it, of what asks for something. Anything but a name, such as a promise, would have no limit. */
export function checkedToolOf(
  toolOf: (call: Call) => string | undefined,
): (call: Call) => string | undefined {
  return function nameOf(call) {
    if (call.method === '') return undefined
    const name: unknown = toolOf(call)
    if (name === undefined || typeof name === 'string') return name
    throw fault('ERR_RATELIMIT_NAME', `toolOf must return a name or undefined, got ${typeof name}`)
  }
}
