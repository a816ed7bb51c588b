import type { Tool } from '@mcp-prod/tools'
import { countdown } from './countdown.js'
import { findArticles } from './find-articles.js'
import { forget } from './forget.js'
import { recall } from './recall.js'
import { remember } from './remember.js'
import { summarizeNumbers } from './summarize-numbers.js'

/** Every tool of this server, by the name it exports. */
export const tools: readonly Tool[] = [
  countdown,
  findArticles,
  forget,
  recall,
  remember,
  summarizeNumbers,
  // `npm run generate tool` adds above this line.
]
