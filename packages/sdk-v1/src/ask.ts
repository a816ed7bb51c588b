import { McpError } from '@modelcontextprotocol/sdk/types.js'
import {
  type ClientCapabilities,
  type InputRequiredResult,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'
import { type Asked, senderOf } from './asked.js'
import type { CheckedServer } from './checked-server.js'
import type { Round } from './context.js'
import type { AnyExtra } from './request-info.js'

/** As SDK v2 has it for clients of the 2025 revisions. */
const MAX_ROUNDS = 8
/** Without a question there is nothing to wait for but time. */
const PAUSE_MS = 250

/**
 * The answer to a request whose handler may want more of the client first (`requireInput`): the client is asked over its session,
 * and the handler runs again with what it says, until it has a result.
 *
 * @throws ProtocolError
 */
export async function answered(
  method: string,
  answer: (round?: Round) => Promise<object>,
  server: CheckedServer,
  extra: AnyExtra,
): Promise<object> {
  let result = await answer()
  for (let round = 1; isInputRequiredResult(result); round++) {
    if (round > MAX_ROUNDS) return failed(method, `${method} asked for more ${MAX_ROUNDS} times`)
    const { inputRequests = {}, requestState } = result as InputRequiredResult
    const asked = Object.entries(inputRequests) as [string, Asked][]
    if (asked.length === 0) {
      if (requestState === undefined) throw new Error(`${method} asked for nothing`)
      await pause(extra.signal)
    }
    for (const [name, { method: what }] of asked) {
      if (can(server.getClientCapabilities() as ClientCapabilities, inputRequests[name] as Asked))
        continue
      return failed(
        method,
        `Cannot request input '${name}' (${what}): the client did not declare the required capability, or has no session in which it could be asked`,
      )
    }
    const responses = await responsesTo(asked, server, extra).catch((error: Error) => error)
    if (responses instanceof Error) {
      if (extra.signal.aborted) throw responses
      return failed(method, `Fulfilling input required by '${method}' failed: ${responses.message}`)
    }
    result = await answer({
      ...(asked.length > 0 && { inputResponses: responses }),
      ...(requestState !== undefined && { requestState }),
    })
  }
  return result
}

/** Asks all at once. When one of the answers fails to come, nobody waits for the others. */
async function responsesTo(
  asked: readonly [string, Asked][],
  server: CheckedServer,
  extra: AnyExtra,
): Promise<Record<string, unknown>> {
  const waiting = new Set<AbortController>()
  const stop = () => {
    for (const controller of waiting) controller.abort('The request is over')
  }
  extra.signal.addEventListener('abort', stop, { once: true })
  const send = senderOf(server, extra)
  try {
    const answers = asked.map(async ([name, request]) => {
      const controller = new AbortController()
      waiting.add(controller)
      try {
        const response = await send(request, controller.signal)
        waiting.delete(controller)
        return [name, response] as const
      } catch (error) {
        // What the client has answered is over. Of what could not be sent the SDK keeps something until it is aborted.
        if (error instanceof McpError) waiting.delete(controller)
        throw error
      }
    })
    return Object.fromEntries(await Promise.all(answers))
  } finally {
    extra.signal.removeEventListener('abort', stop)
    stop()
  }
}

function can(declared: ClientCapabilities | undefined, { method, params }: Asked): boolean {
  if (method === 'roots/list') return declared?.roots !== undefined
  if (method === 'sampling/createMessage') {
    const tools = params?.tools !== undefined || params?.toolChoice !== undefined
    return tools ? declared?.sampling?.tools !== undefined : declared?.sampling !== undefined
  }
  if (method !== 'elicitation/create') throw new Error('an input request is of no kind there is')
  // A client that declares no mode of elicitation has that of forms; SDK v1 has filled it in.
  const mode = params?.mode === 'url' ? 'url' : 'form'
  return declared?.elicitation?.[mode] !== undefined
}

/** Of a tool it is a result, for the model to read; others can only fail. */
function failed(method: string, text: string): object {
  if (method === 'tools/call') return { content: [{ type: 'text', text }], isError: true }
  throw new ProtocolError(ProtocolErrorCode.InternalError, text)
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, PAUSE_MS)
    signal.addEventListener('abort', end)
  })
}
