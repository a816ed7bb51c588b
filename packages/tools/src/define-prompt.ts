import type { GetPromptResult, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import { type Completer, type Completers, completersOf } from './completers.js'
import {
  type Awaitable,
  type Common,
  type CommonDefinition,
  commonOf,
  given,
  type InputRequired,
  jsonSchema,
  type Schema,
} from './definition.js'
import { optionError } from './errors.js'
import type { RunContext, ToolContext } from './types.js'

export interface PromptDefinition<Input extends Schema> extends CommonDefinition {
  description?: string
  /** Its arguments, which arrive as texts: an object schema, with `z.coerce` for what is no text. @default none */
  input?: Input
  /** Suggests values of an argument, by its name; what a schema lists (`enum`) needs none. @default none */
  complete?: Completers
  /** Text is one message of the user's. */
  run(
    input: StandardSchemaWithJSON.InferOutput<Input>,
    context: RunContext,
  ): Awaitable<string | GetPromptResult | InputRequired>
}

/** A prompt as the rest of the kit reads it. */
export interface Prompt extends Common {
  readonly kind: 'prompt'
  readonly description: string | undefined
  readonly input: Schema | undefined
  readonly completers: ReadonlyMap<string, Completer>
  /** Its entry of `prompts/list`. */
  readonly listing: Readonly<Record<string, unknown>>
  run(input: unknown, context: ToolContext): Awaitable<unknown>
}

type Nothing = StandardSchemaWithJSON<Record<string, never>, Record<string, never>>

/**
 * Describes a prompt (MCP 2026-07-28, server/prompts).
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a bad name, arguments that cannot arrive as texts, a limit or a timeout.
 */
export function definePrompt<Input extends Schema = Nothing>(
  definition: PromptDefinition<Input>,
): Prompt {
  const { name, title, description, icons, input, complete = {}, run } = definition
  const common = commonOf('prompt', definition)
  const of = `prompt "${name}"`
  const schema = input && jsonSchema(of, 'input', input)
  const properties = (schema?.properties ?? {}) as Record<string, Property>
  for (const [argument, { type = 'string' }] of Object.entries(properties)) {
    if (type !== 'object' && type !== 'array') continue
    optionError(
      `argument ${argument} of ${of} must come of a text, not ${type}: clients send texts`,
    )
  }
  for (const argument of Object.keys(complete)) {
    if (!Object.hasOwn(properties, argument))
      optionError(`complete of ${of} names ${argument}, which is no argument of it`)
  }
  const required = Array.isArray(schema?.required) ? schema.required : []
  const listed = Object.entries(properties).map(([argument, property]) => ({
    name: argument,
    ...given({ title: property.title, description: property.description }),
    required: required.includes(argument),
  }))
  return Object.freeze({
    kind: 'prompt' as const,
    ...common,
    description,
    input,
    completers: completersOf(of, complete, schema),
    listing: {
      name,
      ...given({ title, description }),
      ...(listed.length > 0 && { arguments: listed }),
      ...given({ icons }),
    },
    run: run as Prompt['run'],
  })
}

interface Property {
  type?: unknown
  title?: string
  description?: string
}
