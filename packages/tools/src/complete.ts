import {
  type CompleteRequest,
  ProtocolError,
  ProtocolErrorCode,
} from '@modelcontextprotocol/server'
import type { Work } from './attempt.js'
import type { CompletionContext } from './completers.js'
import type { Definition, Definitions } from './definitions.js'
import type { Answer } from './events.js'
import { refuseByError } from './read.js'

/** As many as the protocol allows. */
const MAX_VALUES = 100

type CompleteParams = CompleteRequest['params']

/** What a completion refers to, as the caller names it. */
export function referredName({ ref }: CompleteParams): string {
  return ref.type === 'ref/prompt' ? ref.name : ref.uri
}

/** A completion; whoever may not use what it is for gets none. */
export function completeWork(
  definition: Definition,
  params: CompleteParams,
  definitions: Definitions,
): Work {
  const { argument, context: filled } = params
  const completers = 'completers' in definition ? definition.completers : undefined
  return {
    what: `Completion of ${definition.name}`,
    definition,
    scopes: definitions.scopesOf({ method: 'completion/complete', params }),
    subject: { method: 'completion/complete', name: definition.label, input: {} },
    validate: () => ({ input: argument.value }),
    run(input, runContext) {
      const completer = completers?.get(argument.name)
      if (!completer) return []
      const context: CompletionContext = { ...runContext, arguments: { ...filled?.arguments } }
      return completer(input as string, context)
    },
    toResult: (values) => ({ outcome: 'ok', result: completionOf(definition.name, values) }),
    refuse: refuseByError,
  }
}

/** Answered to a completion of what there is not. */
export function unknownReference(): Answer {
  const text = 'Unknown completion reference'
  return { outcome: 'not_found', error: new ProtocolError(ProtocolErrorCode.InvalidParams, text) }
}

function completionOf(name: string, values: unknown): object {
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string'))
    throw new Error(`a completer of "${name}" returned no list of texts`)
  return {
    completion: {
      values: values.slice(0, MAX_VALUES),
      total: values.length,
      hasMore: values.length > MAX_VALUES,
    },
  }
}
