import type { Prompt } from '@mcp-prod/tools'
import { describeSample } from './describe-sample.js'

/** Every prompt of this server, by the name it exports. */
export const prompts: readonly Prompt[] = [
  describeSample,
  // `npm run generate prompt` adds above this line.
]
