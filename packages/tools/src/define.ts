import type {
  CallToolResult,
  StandardSchemaWithJSON,
  ToolAnnotations,
} from '@modelcontextprotocol/server'
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

type Result<Output> = Output extends Schema
  ? StandardSchemaWithJSON.InferInput<Output> | InputRequired
  : string | CallToolResult | InputRequired

export interface ToolDefinition<Input extends Schema, Output extends Schema | undefined>
  extends CommonDefinition {
  description: string
  /** What the tool takes: an object schema (zod 4.2 or newer, or any Standard Schema with JSON Schema). */
  input: Input
  /** What it answers. Members that the schema does not name are dropped. Without it: text or a `CallToolResult`. */
  output?: Output
  annotations?: ToolAnnotations
  run(
    input: StandardSchemaWithJSON.InferOutput<Input>,
    context: RunContext,
  ): Awaitable<Result<Output>>
}

/** A tool as the rest of the kit reads it: every default filled in, every schema converted. */
export interface Tool extends Common {
  readonly kind: 'tool'
  readonly input: Schema
  readonly output: Schema | undefined
  /** The tool's entry of `tools/list`, with JSON Schemas converted once. */
  readonly listing: Readonly<Record<string, unknown>> & { inputSchema: Record<string, unknown> }
  run(input: unknown, context: ToolContext): Awaitable<unknown>
}

/**
 * Describes a tool once, for both eras of the protocol and for stdio (MCP 2026-07-28, server/tools).
 *
 * @throws TypeError `ERR_TOOLS_OPTION` for a bad name, an input that is no object, a schema without a JSON form,
 * or a weight, limit or timeout that is not positive.
 */
export function defineTool<Input extends Schema, Output extends Schema | undefined = undefined>(
  definition: ToolDefinition<Input, Output>,
): Tool {
  const { name, title, description, input, output, annotations, icons, run } = definition
  const common = commonOf('tool', definition)
  if (!description)
    optionError(`tool "${name}" needs a description: it is what the model chooses by`)
  const of = `tool "${name}"`
  const listing = {
    name,
    ...given({ title }),
    description,
    inputSchema: { type: 'object', ...jsonSchema(of, 'input', input) },
    ...(output && { outputSchema: jsonSchema(of, 'output', output) }),
    ...given({ annotations, icons }),
  }
  return Object.freeze({
    kind: 'tool' as const,
    ...common,
    input,
    output,
    listing,
    run: run as Tool['run'],
  })
}
