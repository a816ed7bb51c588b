import type { Tool } from '@mcp-prod/tools'
import { contentTools } from './content-tools.js'
import { inputTools } from './input-tools.js'
import { legacyInputTools } from './legacy-input-tools.js'

/** What the conformance suite calls. */
export const tools: readonly Tool[] = [...contentTools, ...inputTools, ...legacyInputTools]
