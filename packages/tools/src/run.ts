import {
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  inputRequired,
  type McpRequestContext,
  type Server,
  type ServerContext,
  type ServerNotifier,
} from '@modelcontextprotocol/server'
import type { Abandoned } from './abandoned.js'
import type { Work } from './attempt.js'
import { type Budget, withinBudget } from './budget.js'
import { type Limits, type Outcome, withinLimits } from './deadline.js'
import type { Common } from './definition.js'
import type { Answer } from './events.js'
import { countedAs } from './principal.js'
import { progressOf } from './progress.js'
import type { RequestStates } from './request-state.js'
import type { Logger, Principal, RunContext, ToolServices } from './types.js'

/** A request, and the instance of the SDK's server that it came to. */
export interface Inbound {
  context: ServerContext
  server: Pick<Server, 'getClientCapabilities'>
  era: McpRequestContext['era']
}

/** What the work of one definition is done with. */
export interface CallEnvironment {
  services: ToolServices
  logger: Logger
  ignoreScopes: boolean
  limits: Omit<Limits, 'timeoutMs' | 'request' | 'shuttingDown'> & { isShuttingDown: () => boolean }
  budget: Budget | undefined
  states: RequestStates
  notify: ServerNotifier
  abandoned: Abandoned
}

/** Does work within its time and the request's, and looks after what goes on when that is over. */
export async function runWithin(
  work: Work,
  inbound: Inbound,
  principal: Principal | undefined,
  environment: CallEnvironment,
  started: number,
): Promise<Outcome<Answer>> {
  const { context } = inbound
  const requestState = await environment.states.read(work.subject, context)
  const { definition } = work
  const { signal: request } = context.mcpReq
  return withinTime(
    { definition, request, principal, started },
    environment,
    (controller, isOver) =>
      answerTo(work, isOver, {
        // Made when first looked at: a signal costs more than many a tool.
        get signal() {
          return controller.signal
        },
        principal,
        requestState,
        ...runContext(work, inbound, environment, isOver),
      }),
  )
}

/** What bounds the time of work. */
export interface Bounds {
  definition: Pick<Common, 'timeoutMs'>
  /** Aborts when the client has gone, or has cancelled. */
  request: AbortSignal
  principal: Principal | undefined
  /** By `performance.now()`. */
  started: number
}

/** Runs work until the time of its definition or of the request is over, and looks after what goes on then. */
export function withinTime<T>(
  { definition, request, principal, started }: Bounds,
  { limits, budget, abandoned }: CallEnvironment,
  run: (controller: AbortController, isOver: () => boolean) => T | Promise<T>,
): Promise<Outcome<T>> {
  const { shutdown, isShuttingDown } = limits
  const runFor = (timeoutMs: number) =>
    withinLimits(run, { timeoutMs, request, shutdown, shuttingDown: isShuttingDown() }, (working) =>
      abandoned.watch(working, started, countedAs(principal)),
    )
  const { timeoutMs } = definition
  return budget ? withinBudget(budget, timeoutMs, runFor) : runFor(timeoutMs)
}

/** A schema may wait too, for a refinement that asks a database: within the same time. */
async function answerTo(work: Work, isOver: () => boolean, context: RunContext): Promise<Answer> {
  const checked = await work.validate()
  if ('refused' in checked) return checked.refused
  // Who called has been told that it did not happen.
  if (isOver()) throw context.signal.reason
  return work.toResult(await work.run(checked.input, context))
}

function runContext(
  { subject, definition }: Work,
  { context, server }: Inbound,
  { services, logger, states, notify }: CallEnvironment,
  isOver: () => boolean,
): Omit<RunContext, 'signal' | 'principal' | 'requestState'> {
  const { mcpReq } = context
  const envelope = mcpReq.envelope as Record<string, ClientCapabilities> | undefined
  return {
    log: logger,
    services,
    notify,
    meta: mcpReq._meta,
    inputResponses: mcpReq.inputResponses,
    clientCapabilities: envelope?.[CLIENT_CAPABILITIES_META_KEY] ?? server.getClientCapabilities(),
    progress: progressOf(context, isOver),
    async clientLog(level, data) {
      // A client that went away needs no lines.
      if (!isOver()) await mcpReq.log(level, data, definition.name).catch(() => {})
    },
    async requireInput({ inputRequests, state }) {
      const asked = { ...(inputRequests && { inputRequests }) }
      if (state === undefined) return inputRequired(asked)
      return inputRequired({ ...asked, requestState: await states.mint(state, subject, context) })
    },
  }
}
