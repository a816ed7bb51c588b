import type { ServerContext } from '@modelcontextprotocol/server'
import type { Abandoned } from './abandoned.js'
import { type Budget, withinBudget } from './budget.js'
import type { ToolCallEvent } from './call.js'
import { type Limits, type Outcome, withinLimits } from './deadline.js'
import type { Tool } from './define.js'
import { progressOf } from './progress.js'
import type { Logger, Principal, ToolServices } from './types.js'

export interface CallEnvironment {
  services: ToolServices
  logger: Logger
  ignoreScopes: boolean
  limits: Omit<Limits, 'timeoutMs' | 'request' | 'shuttingDown'> & { isShuttingDown: () => boolean }
  budget: Budget | undefined
  abandoned: Abandoned
  onCall: (event: ToolCallEvent) => void
}

/** Runs a tool within its time and the request's, and looks after what goes on when that is over. */
export function runTool(
  tool: Tool,
  input: unknown,
  context: ServerContext,
  principal: Principal | undefined,
  { services, logger, limits, budget, abandoned }: CallEnvironment,
  started: number,
): Promise<Outcome<unknown>> {
  const work = (controller: AbortController, isOver: () => boolean) =>
    tool.run(input, {
      // Made when first looked at: a signal costs more than many a tool.
      get signal() {
        return controller.signal
      },
      log: logger,
      principal,
      services,
      progress: progressOf(context, isOver),
    })
  const runFor = (timeoutMs: number) =>
    withinLimits(
      work,
      {
        timeoutMs,
        request: context.mcpReq.signal,
        shutdown: limits.shutdown,
        shuttingDown: limits.isShuttingDown(),
      },
      (working) => abandoned.watch(working, started, principal?.id),
    )
  return budget ? withinBudget(budget, tool.timeoutMs, runFor) : runFor(tool.timeoutMs)
}
