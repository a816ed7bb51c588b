import type { Tool } from '@mcp-prod/tools'
import { countdown } from './countdown.js'
import { currentWeather } from './current-weather.js'
import { summarizeNumbers } from './summarize-numbers.js'

/** Every tool of this server, by the name it exports. */
export const tools: readonly Tool[] = [
  countdown,
  currentWeather,
  summarizeNumbers,
  // `npm run generate tool` adds above this line.
]
