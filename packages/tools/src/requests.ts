import type { CompleteRequest } from '@modelcontextprotocol/server'
import { attempt, type Work } from './attempt.js'
import { toolWork, unknownTool } from './call.js'
import { completeWork, referredName, unknownReference } from './complete.js'
import type { Definition, Definitions } from './definitions.js'
import {
  type Answer,
  askedOf,
  correlationIdOf,
  type EventHooks,
  type RequestMethod,
  tell,
} from './events.js'
import { promptWork, unknownPrompt } from './get-prompt.js'
import { principalOf } from './principal.js'
import { readWork, unknownResource } from './read.js'
import type { CallEnvironment, Inbound } from './run.js'
import { subscribeWork } from './subscribe.js'
import { endOfCall, type TraceCall, tracedCall, withinTrace } from './trace.js'

interface Asked {
  method: RequestMethod
  /** As the caller wrote it. */
  name: string
  definition: Definition | undefined
  work: Work | undefined
  unknown: () => Answer
}

export interface RequestParts {
  definitions: Definitions
  environmentOf: (label: string) => CallEnvironment
  hooks: EventHooks
  trace: TraceCall | undefined
}

/** Answers what asks for one tool, resource or prompt. Each gives a result or throws an error that the caller may see. */
export function requests({ definitions, environmentOf, hooks, trace }: RequestParts) {
  async function answerTo(asked: Asked, inbound: Inbound): Promise<Answer> {
    const { method, definition, work } = asked
    const started = performance.now()
    const principal = principalOf(inbound.context.http?.authInfo)
    const environment = definition && environmentOf(definition.label)
    const answer =
      work && environment
        ? await attempt(work, inbound, principal, environment, started)
        : asked.unknown()
    const correlationId = correlationIdOf(answer)
    tell(
      { ...hooks, ...(environment && { logger: environment.logger }) },
      {
        method,
        name: definition?.label,
        asked: definition?.kind === 'tool' ? definition.name : askedOf(asked.name),
        outcome: answer.outcome === 'unknown_tool' ? 'invalid_input' : answer.outcome,
        durationMs: work ? performance.now() - started : 0,
        principal,
        ...('narrowed' in answer && { narrowed: answer.narrowed === true }),
        ...(correlationId && { correlationId }),
      },
    )
    return answer
  }

  async function serve(asked: Asked, inbound: Inbound): Promise<object> {
    const answering = () => answerTo(asked, inbound)
    const answer = await (trace
      ? withinTrace(
          trace,
          tracedCall(asked.method, asked.definition, inbound.context),
          answering,
          endOfCall,
          hooks.logger,
        )
      : answering())
    if ('error' in answer) throw answer.error
    return answer.result
  }

  return {
    callTool(name: string, args: unknown, inbound: Inbound): Promise<object> {
      const method = 'tools/call'
      const definition = definitions.find({ method, name })
      const work = definition?.kind === 'tool' ? toolWork(definition, args) : undefined
      return serve({ method, name, definition, work, unknown: () => unknownTool(name) }, inbound)
    },
    readResource(uri: string, inbound: Inbound): Promise<object> {
      const located = definitions.locate(uri)
      const work = located && readWork(located, uri, inbound)
      return serve(askedFor('resources/read', uri, located?.definition, work), inbound)
    },
    subscribe(uri: string, inbound: Inbound, add: () => boolean): Promise<object> {
      const located = definitions.locate(uri)
      const work = located && subscribeWork(located, uri, add)
      return serve(askedFor('resources/subscribe', uri, located?.definition, work), inbound)
    },
    getPrompt(name: string, args: unknown, inbound: Inbound): Promise<object> {
      const method = 'prompts/get'
      const definition = definitions.find({ method, name })
      const work = definition?.kind === 'prompt' ? promptWork(definition, args) : undefined
      return serve({ method, name, definition, work, unknown: () => unknownPrompt(name) }, inbound)
    },
    complete(params: CompleteRequest['params'], inbound: Inbound): Promise<object> {
      const method = 'completion/complete'
      const definition = definitions.find({ method, params: { ...params } })
      const work = definition && completeWork(definition, params, definitions)
      const name = referredName(params)
      return serve({ method, name, definition, work, unknown: unknownReference }, inbound)
    },
  }
}

function askedFor(
  method: RequestMethod,
  uri: string,
  definition: Definition | undefined,
  work: Work | undefined,
): Asked {
  return { method, name: uri, definition, work, unknown: () => unknownResource(uri) }
}
