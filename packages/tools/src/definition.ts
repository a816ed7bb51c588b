import type { Icon, InputRequests, StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import { optionError } from './errors.js'

export type Schema = StandardSchemaWithJSON
export type Awaitable<T> = T | Promise<T>

/** What `requireInput` gives; the SDK's own type, open to any member, would hide what literals beside it are. */
export interface InputRequired {
  resultType: 'input_required'
  inputRequests?: InputRequests | undefined
  requestState?: string | undefined
}

/** What tools, resources and prompts have in common. */
export interface CommonDefinition {
  /** 1 to 128 of `A-Z a-z 0-9 _ - .`, unique among those of its kind in the server. */
  name: string
  /** For people; the model reads `description`. */
  title?: string
  /** Scopes that a caller must hold, all of them. @default [] */
  scopes?: readonly string[]
  /** What a call counts against a rate limit. @default 1 */
  weight?: number
  /** Calls of it that each caller may make in a minute, for whatever limits them. @default no limit of its own */
  limitPerMinute?: number
  /** Calls of it that may run at once in a process, for whatever caps them. @default no cap of its own */
  maxConcurrent?: number
  /** Milliseconds until a call is given up and the caller told; what its schemas wait for counts too. @default 30000 */
  timeoutMs?: number
  icons?: Icon[]
}

/** The same with every default filled in, as the rest of the kit reads it. */
export interface Common {
  readonly name: string
  /**
   * One of a closed list, for metrics and limits: the name of a tool as it is, of others `prompt:…` and `resource:…`.
   */
  readonly label: string
  readonly scopes: readonly string[]
  readonly weight: number
  readonly limitPerMinute: number | undefined
  readonly maxConcurrent: number | undefined
  readonly timeoutMs: number
}

/** @throws TypeError `ERR_TOOLS_OPTION` for a bad name, or a weight, limit or timeout that is not positive. */
export function commonOf(
  kind: 'tool' | 'resource' | 'prompt',
  definition: CommonDefinition,
): Common {
  const { name, scopes = [], weight = 1, timeoutMs = 30_000 } = definition
  const { limitPerMinute, maxConcurrent } = definition
  if (typeof name !== 'string' || !/^[A-Za-z0-9_.-]{1,128}$/.test(name)) {
    optionError(`${kind} name ${JSON.stringify(name)} must be 1 to 128 of A-Z a-z 0-9 _ - .`)
  }
  // setTimeout turns more than 2^31-1 ms into 1 ms.
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31)) {
    optionError(
      `timeoutMs of ${kind} "${name}" must be more than 0 and less than 2^31 ms, got ${timeoutMs}`,
    )
  }
  if (!(weight > 0 && Number.isFinite(weight))) {
    optionError(`weight of ${kind} "${name}" must be more than 0, got ${weight}`)
  }
  for (const [option, value] of Object.entries({ limitPerMinute, maxConcurrent })) {
    if (value === undefined || (Number.isSafeInteger(value) && value > 0)) continue
    optionError(
      `${option} of ${kind} "${name}" must be a whole number of calls above 0, got ${value}`,
    )
  }
  return {
    name,
    label: kind === 'tool' ? name : `${kind}:${name}`,
    scopes: Object.freeze([...scopes]),
    weight,
    limitPerMinute,
    maxConcurrent,
    timeoutMs,
  }
}

/** Only what is given: `undefined` would be one key more for every client to read past. */
export function given<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== undefined),
  ) as Partial<T>
}

/** @throws TypeError `ERR_TOOLS_OPTION` for a schema without a JSON form, or of anything but an object. */
export function jsonSchema(
  of: string,
  side: 'input' | 'output',
  schema: Schema,
  what: string = side,
): Record<string, unknown> {
  let json: Record<string, unknown>
  try {
    json = schema['~standard'].jsonSchema[side]({ target: 'draft-2020-12' })
  } catch (cause) {
    return optionError(`the ${what} schema of ${of} has no JSON Schema form: ${String(cause)}`)
  }
  if (json.type !== undefined && json.type !== 'object') {
    optionError(`the ${what} schema of ${of} must describe an object, not ${String(json.type)}`)
  }
  return json
}
