import type { Resource, ResourceTemplate } from '@mcp-prod/tools'
import { notes } from './notes.js' // +redis
import { sample } from './sample.js'

/** Every resource and resource template of this server, by the name it exports. */
export const resources: readonly (Resource | ResourceTemplate)[] = [
  notes, // +redis
  sample,
  // `npm run generate resource` adds above this line.
]
