import { type Definition, definitionsOf } from '@mcp-prod/tools'
import { prompts } from './prompts/index.js'
import { resources } from './resources/index.js'
import { tools } from './tools/index.js'

/** Everything that callers can ask for by name or URI. */
export const everything: readonly Definition[] = [...tools, ...resources, ...prompts]

/** The same by the calls that ask for it: what a call needs, weighs and is called, whatever text its caller wrote. */
export const definitions = definitionsOf({ tools, resources, prompts })
