import type { ServerNotifier } from '@modelcontextprotocol/server'
import { abandonedRuns } from './abandoned.js'
import { fanOut } from './deadline.js'
import type { Tool } from './define.js'
import type { Definition, Definitions } from './definitions.js'
import { milliseconds, wholeNumber } from './options.js'
import { requestStates } from './request-state.js'
import type { CallEnvironment } from './run.js'
import type { ToolServerOptions } from './server-options.js'
import type { Logger } from './types.js'

/**
 * What the work of each definition is done with, made once.
 *
 * @throws TypeError `ERR_TOOLS_OPTION`
 */
export function environments(
  { tools, resources, templates, prompts }: Definitions,
  options: ToolServerOptions & { logger: Logger },
  notify: ServerNotifier,
): (label: string) => CallEnvironment {
  const { services = {}, logger, signal, dangerouslyIgnoreScopes = false, budget } = options
  const { onAbandoned = () => {}, maxAbandoned = 100 } = options
  const { requestStateKeys, requestStateTtlMs = 600_000 } = options
  wholeNumber('maxAbandoned', maxAbandoned, 'runs', 1)
  milliseconds('requestStateTtlMs', requestStateTtlMs, 1)
  const shared = {
    services,
    ignoreScopes: dangerouslyIgnoreScopes,
    limits: { shutdown: fanOut(signal), isShuttingDown: () => signal?.aborted ?? false },
    budget,
    states: requestStates(requestStateKeys, requestStateTtlMs),
    notify,
  }
  const made = new Map<string, CallEnvironment>()
  for (const definition of [...tools, ...resources, ...templates, ...prompts]) {
    const log = withFields(logger, fieldOf(definition))
    const abandoned = abandonedRuns(definition.label, maxAbandoned, log, onAbandoned)
    shared.limits.shutdown.add(() => closeThreads(definition))
    made.set(definition.label, { ...shared, logger: log, abandoned })
  }
  return (label) => made.get(label) as CallEnvironment
}

function fieldOf({ kind, name }: Definition): Record<string, string> {
  return { [kind === 'template' ? 'resource' : kind]: name }
}

/** Of a `run` that is `inWorker(…)`: threads in use end with their calls, which the same signal ends. */
function closeThreads({ run }: { run: Tool['run'] & { close?: () => Promise<void> } }): void {
  void run.close?.()
}

function withFields(logger: Logger, bound: Record<string, unknown>): Logger {
  const bind = (level: keyof Logger) => (message: string, fields?: Record<string, unknown>) =>
    logger[level](message, { ...fields, ...bound })
  return { debug: bind('debug'), info: bind('info'), warn: bind('warn'), error: bind('error') }
}
