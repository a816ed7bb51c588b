import { randomUUID } from 'node:crypto'
import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError as ProtocolNotFound,
  UrlElicitationRequiredError,
} from '@modelcontextprotocol/server'
import type { Ending } from './deadline.js'
import type { Awaitable, Common } from './definition.js'
import { OverloadedError } from './errors.js'
import type { Answer, ToolOutcome } from './events.js'
import { isNotFound } from './not-found.js'
import { countedAs, holdsScopes } from './principal.js'
import { InvalidStateError, type StateSubject } from './request-state.js'
import { type CallEnvironment, type Inbound, runWithin } from './run.js'
import { ToolError } from './tool-error.js'
import type { Logger, Principal, RunContext } from './types.js'

/** One request for a tool, a resource or a prompt: what there is to do, and how its answers look. */
export interface Work {
  /** As texts for the caller name it, such as `Tool lookup`. */
  what: string
  definition: Common
  /** The scopes that this request needs. */
  scopes: readonly string[]
  /** What a `requestState` belongs to. */
  subject: StateSubject
  /** The input, or the answer to a wrong one. */
  validate(): Awaitable<{ input: unknown } | { refused: Answer }>
  run(input: unknown, context: RunContext): Awaitable<unknown>
  /** Throws when the value is no result: the owner's fault, to be masked. */
  toResult(value: unknown): Awaitable<{ outcome: ToolOutcome; result: object }>
  /** An answer in words, for what is expected to happen. `code` is for those that have no result to say it in. */
  refuse(outcome: ToolOutcome, text: string, code: number): Answer
  /** For what can be missing: the protocol's error. */
  notFound?: () => Answer
}

/** Runs one piece of work: scopes, state, deadline, input, result, masking. Never rejects. */
export async function attempt(
  work: Work,
  inbound: Inbound,
  principal: Principal | undefined,
  environment: CallEnvironment,
  started: number,
): Promise<Answer> {
  if (!environment.ignoreScopes && !holdsScopes(principal, work)) {
    const error = new ProtocolError(403, 'Forbidden: a scope is missing', {
      requiredScopes: work.scopes,
    })
    return { outcome: 'denied', error }
  }
  if (environment.abandoned.isFull(countedAs(principal))) {
    const text = `${work.what} is not available: earlier calls of it have not ended; try again later`
    return work.refuse('overloaded', text, 503)
  }
  try {
    const outcome = await runWithin(work, inbound, principal, environment, started)
    return outcome.ended ? endedEarly(work, outcome.ended, outcome.timeoutMs) : outcome.value
  } catch (error) {
    return failed(work, error, environment.logger)
  }
}

function endedEarly(work: Work, ended: Ending, timeoutMs: number): Answer {
  const { what, definition } = work
  if (ended === 'timeout') {
    const within = `did not answer within ${Math.ceil(timeoutMs)} ms`
    const why = timeoutMs > 0 ? '' : ': no time was left to run it'
    const answer = work.refuse('timeout', `${what} ${within}${why}`, 504)
    return { ...answer, narrowed: timeoutMs < definition.timeoutMs }
  }
  const shutdown = ended === 'shutdown'
  const why = shutdown ? 'the server is shutting down; try again' : 'the request was cancelled'
  return work.refuse('cancelled', `${what} was stopped: ${why}`, shutdown ? 503 : 499)
}

function failed(work: Work, error: unknown, logger: Logger): Answer {
  if (error instanceof ToolError) {
    return error instanceof OverloadedError
      ? work.refuse('overloaded', error.message, 503)
      : work.refuse('tool_error', error.message, 422)
  }
  if (work.notFound && (isNotFound(error) || error instanceof ProtocolNotFound))
    return work.notFound()
  // Not a failure: the SDK turns it into the request for a visit to a URL that it stands for.
  if (error instanceof UrlElicitationRequiredError) return { outcome: 'ok', error }
  if (error instanceof InvalidStateError) return { outcome: 'invalid_input', error: error.answer }
  return masked(error, logger)
}

/** An error whose text stays in the log: the caller gets a correlation id. */
function masked(error: unknown, logger: Logger): Answer {
  const correlationId = randomUUID()
  logger.error('tool failed', { correlationId, error })
  const message = `Internal error (correlation id ${correlationId})`
  return {
    outcome: 'error',
    error: new ProtocolError(ProtocolErrorCode.InternalError, message, { correlationId }),
  }
}
