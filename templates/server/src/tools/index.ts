import type { Tool } from '@mcp-prod/tools'
import { countdown } from './countdown.js'
import { currentWeather } from './current-weather.js' // +upstream
import { findArticles } from './find-articles.js' // +postgres
import { forget } from './forget.js' // +redis
import { recall } from './recall.js' // +redis
import { remember } from './remember.js' // +redis
import { summarizeNumbers } from './summarize-numbers.js'

/** Every tool of this server, by the name it exports. */
export const tools: readonly Tool[] = [
  countdown,
  currentWeather, // +upstream
  findArticles, // +postgres
  forget, // +redis
  recall, // +redis
  remember, // +redis
  summarizeNumbers,
  // `npm run generate tool` adds above this line.
]
