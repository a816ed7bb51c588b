// What serves the definitions over any line of the SDK. It is there for `@mcp-prod/sdk-v1` and changes with it.
export { withoutQuotes } from './discreet.js'
export type { Host } from './handlers.js'
export { type CreateHandler, handlerOver } from './http.js'
export { serverEvents } from './notifier.js'
export { toolServerOf } from './server.js'
