export type { AbandonedEvent } from './abandoned.js'
export type { Budget } from './budget.js'
export type { ToolCallEvent, ToolOutcome } from './call.js'
export { defineTool, type Tool, type ToolDefinition } from './define.js'
export { type ToolHandler, type ToolHandlerOptions, toolHandler } from './http.js'
export {
  type InWorker,
  type InWorkerOptions,
  inWorker,
  type WorkerContext,
  type WorkerFunction,
} from './in-worker.js'
export { createToolServer, type ToolServerOptions } from './server.js'
export { ToolError } from './tool-error.js'
export type { Logger, Principal, ToolContext, ToolServices } from './types.js'
