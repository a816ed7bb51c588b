import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError as ProtocolNotFound,
} from '@modelcontextprotocol/server'
import { asksClient } from './asks-client.js'
import type { Work } from './attempt.js'
import type { Answer } from './events.js'
import { type Located, MAX_URI_CHARS } from './locate.js'
import { ResourceNotFoundError } from './not-found.js'
import type { Inbound } from './run.js'
import type { Principal, RunContext } from './types.js'
import { validate } from './validate.js'

/** A read of a resource. What is expected to go wrong is a JSON-RPC error: a read has no other way to say it. */
export function readWork(located: Located, uri: string, { context, era }: Inbound): Work {
  const { definition, scopes } = located
  const { inputResponses } = context.mcpReq
  const retried = inputResponses !== undefined || context.mcpReq.requestState() !== undefined
  return {
    what: `Resource ${definition.name}`,
    definition,
    scopes,
    subject: { method: 'resources/read', name: uri, input: {} },
    validate: () => variablesOf(located, uri),
    run: (input, runContext) => runRead(located, input, runContext),
    toResult: (value) => ({
      outcome: 'ok',
      result: contentsOf(located, uri, value, era, retried),
    }),
    refuse: refuseByError,
    notFound: () => unknownResource(uri),
  }
}

/** For requests whose results cannot say what went wrong. */
export const refuseByError: Work['refuse'] = (outcome, text, code) => {
  const retryable = code === 503 || code === 504
  return { outcome, error: new ProtocolError(code, text, retryable ? { retryable } : undefined) }
}

/** The variables as the template's schema has them; a URI whose variables do not fit names nothing. */
export async function variablesOf(
  { definition, variables }: Located,
  uri: string,
): Promise<{ input: unknown } | { refused: Answer }> {
  if (definition.kind === 'resource') return { input: { uri: definition.uri } }
  if (!definition.variables) return { input: { uri, variables } }
  const checked = await validate(definition.variables, { ...variables })
  if (checked.issues) return { refused: unknownResource(uri) }
  return { input: { uri, variables: checked.value } }
}

/** Whether a caller may read what a URI names: `input` is that of `variablesOf`. */
export async function isPermitted(
  located: Located,
  input: unknown,
  principal: Principal | undefined,
): Promise<boolean> {
  const permits = permitsOf(located)
  return permits === undefined || (await permits(input as TemplateInput, principal)) === true
}

function permitsOf({ definition }: Located) {
  return definition.kind === 'template' ? definition.permits : undefined
}

interface TemplateInput {
  uri: string
  variables: unknown
}

async function runRead(located: Located, input: unknown, context: RunContext) {
  if (!(await isPermitted(located, input, context.principal))) throw new ResourceNotFoundError()
  // Who called has been told that it did not happen.
  if (permitsOf(located)) context.signal.throwIfAborted()
  return located.definition.run(input as TemplateInput, context)
}

/** -32602 in both eras, as the SDK has it, with the URI that the caller sent. */
export function unknownResource(uri: string): Answer {
  if (uri.length > MAX_URI_CHARS) {
    const text = `Invalid uri: longer than ${MAX_URI_CHARS} characters`
    const error = new ProtocolError(ProtocolErrorCode.InvalidParams, text)
    return { outcome: 'invalid_input', error }
  }
  return { outcome: 'not_found', error: new ProtocolNotFound(uri, 'Resource not found') }
}

function contentsOf(
  located: Located,
  uri: string,
  value: unknown,
  era: Inbound['era'],
  retried: boolean,
): object {
  if (asksClient(value)) return value
  const { name, mimeType, ttlMs, cacheScope } = located.definition
  const typed = { uri, ...(mimeType !== undefined && { mimeType }) }
  const { ttlMs: ownTtlMs, cacheScope: ownScope, ...result } = resultOf(name, typed, value)
  if (era === 'legacy') return result
  // What depends on more than the URI is not what the URI names.
  if (retried) return { ...result, ttlMs: 0, cacheScope: 'private' }
  const isForAll = located.scopes.length === 0 && !permitsOf(located)
  const shared = isForAll && (ownScope ?? cacheScope) === 'public'
  return { ...result, ttlMs: ownTtlMs ?? ttlMs, cacheScope: shared ? 'public' : 'private' }
}

interface Contents {
  contents: { uri: string; text?: string; blob?: string }[]
  ttlMs?: number
  cacheScope?: string
}

function resultOf(name: string, typed: { uri: string }, value: unknown): Contents {
  if (typeof value === 'string') return { contents: [{ ...typed, text: value }] }
  if (value instanceof Uint8Array) {
    return { contents: [{ ...typed, blob: Buffer.from(value).toString('base64') }] }
  }
  const { contents } = (value ?? {}) as Partial<Contents>
  const fits =
    Array.isArray(contents) &&
    contents.length > 0 &&
    contents.every(
      (content) =>
        typeof content?.uri === 'string' &&
        (typeof content.text === 'string' || typeof content.blob === 'string'),
    )
  if (!fits) throw new Error(`resource "${name}" returned neither text, bytes nor contents`)
  // Found out here, where it can still be masked.
  JSON.stringify(value)
  return value as Contents
}
