// All that tools has, under the same names: a file that serves it changes by its import alone.
export * from '@mcp-prod/tools'
export { toolHandler } from './http.js'
export { createToolServer } from './server.js'
export { type StdioConnection, type StdioOptions, serveStdio } from './stdio.js'
