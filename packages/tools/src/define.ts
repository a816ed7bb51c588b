import type {
  CallToolResult,
  Icon,
  StandardSchemaWithJSON,
  ToolAnnotations,
} from '@modelcontextprotocol/server'
import { optionError } from './errors.js'
import type { ToolContext } from './types.js'

type Schema = StandardSchemaWithJSON
type Awaitable<T> = T | Promise<T>
type Result<Output> = Output extends Schema
  ? StandardSchemaWithJSON.InferInput<Output>
  : string | CallToolResult

export interface ToolDefinition<Input extends Schema, Output extends Schema | undefined> {
  /** 1 to 128 of `A-Z a-z 0-9 _ - .`, unique in the server. */
  name: string
  /** For people; the model reads `description`. */
  title?: string
  description: string
  /** What the tool takes: an object schema (zod 4.2 or newer, or any Standard Schema with JSON Schema). */
  input: Input
  /** What it answers. Members that the schema does not name are dropped. Without it: text or a `CallToolResult`. */
  output?: Output
  /** Scopes that a caller must hold, all of them. @default [] */
  scopes?: readonly string[]
  /** What a call counts against a rate limit. @default 1 */
  weight?: number
  /** Calls of this tool that each caller may make in a minute, for whatever limits them. @default no limit of its own */
  limitPerMinute?: number
  /** Calls of this tool that may run at once in a process, for whatever caps them. @default no cap of its own */
  maxConcurrent?: number
  /** Milliseconds until the call is given up and the caller told. @default 30000 */
  timeoutMs?: number
  annotations?: ToolAnnotations
  icons?: Icon[]
  run(
    input: StandardSchemaWithJSON.InferOutput<Input>,
    context: ToolContext,
  ): Awaitable<Result<Output>>
}

/** A tool as the rest of the kit reads it: every default filled in, every schema converted. */
export interface Tool {
  readonly name: string
  readonly scopes: readonly string[]
  readonly weight: number
  readonly limitPerMinute: number | undefined
  readonly maxConcurrent: number | undefined
  readonly timeoutMs: number
  readonly input: Schema
  readonly output: Schema | undefined
  /** The tool's entry of `tools/list`, with JSON Schemas converted once. */
  readonly listing: Readonly<Record<string, unknown>> & { inputSchema: Record<string, unknown> }
  run(input: unknown, context: ToolContext): Awaitable<unknown>
}

const TARGET = { target: 'draft-2020-12' } as const

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
  const { scopes = [], weight = 1, timeoutMs = 30_000 } = definition
  const { limitPerMinute, maxConcurrent } = definition
  if (!/^[A-Za-z0-9_.-]{1,128}$/.test(name)) {
    optionError(`tool name ${JSON.stringify(name)} must be 1 to 128 of A-Z a-z 0-9 _ - .`)
  }
  if (!description)
    optionError(`tool "${name}" needs a description: it is what the model chooses by`)
  // setTimeout turns more than 2^31-1 ms into 1 ms.
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    optionError(
      `timeoutMs of tool "${name}" must be more than 0 and less than 2^31 ms, got ${timeoutMs}`,
    )
  }
  if (!(weight > 0 && Number.isFinite(weight))) {
    optionError(`weight of tool "${name}" must be more than 0, got ${weight}`)
  }
  for (const [option, value] of Object.entries({ limitPerMinute, maxConcurrent })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    optionError(`${option} of tool "${name}" must be a whole number of calls above 0, got ${value}`)
  }
  const inputSchema = jsonSchema(name, 'input', input)
  const listing = {
    name,
    ...(title !== undefined && { title }),
    description,
    inputSchema: { type: 'object', ...inputSchema },
    ...(output && { outputSchema: jsonSchema(name, 'output', output) }),
    ...(annotations && { annotations }),
    ...(icons && { icons }),
  }
  return Object.freeze({
    name,
    scopes: Object.freeze([...scopes]),
    weight,
    limitPerMinute,
    maxConcurrent,
    timeoutMs,
    input,
    output,
    listing,
    run: run as Tool['run'],
  })
}

function jsonSchema(
  tool: string,
  side: 'input' | 'output',
  schema: Schema,
): Record<string, unknown> {
  let json: Record<string, unknown>
  try {
    json = schema['~standard'].jsonSchema[side](TARGET)
  } catch (cause) {
    return optionError(
      `the ${side} schema of tool "${tool}" has no JSON Schema form: ${String(cause)}`,
    )
  }
  if (json.type !== undefined && json.type !== 'object') {
    optionError(
      `the ${side} schema of tool "${tool}" must describe an object, not ${String(json.type)}`,
    )
  }
  return json
}
