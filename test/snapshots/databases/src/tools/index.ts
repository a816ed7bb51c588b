import type { Tool } from '@mcp-prod/tools'
import { countdown } from './countdown.js'
import { findArticles } from './find-articles.js'
import { recall } from './recall.js'
import { remember } from './remember.js'
import { summarizeNumbers } from './summarize-numbers.js'

/** Every tool of this server, by the name it exports. */
export const tools: readonly Tool[] = [
  countdown,
  findArticles,
  recall,
  remember,
  summarizeNumbers,
  // `npm run generate tool` adds above this line.
]
