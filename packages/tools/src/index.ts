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
export type { StreamsDetails } from './refuse-stream.js'
export { createToolServer } from './server.js'
export type { ToolServerOptions } from './server-options.js'
export { ToolError } from './tool-error.js'
export type { CallEnd, TraceCall, TracedCall } from './trace.js'
export type { Logger, Principal, ToolContext, ToolServices } from './types.js'
