export {
  acceptedContent,
  inputRequired,
  inputResponse,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
export type { AbandonedEvent } from './abandoned.js'
export { askedIn } from './asked-in.js'
export type { Budget } from './budget.js'
export type { CompletionContext } from './completers.js'
export { defineTool, type Tool, type ToolDefinition } from './define.js'
export { definePrompt, type Prompt, type PromptDefinition } from './define-prompt.js'
export {
  defineResource,
  type Resource,
  type ResourceContent,
  type ResourceDefinition,
} from './define-resource.js'
export {
  defineResourceTemplate,
  type ResourcePage,
  type ResourceTemplate,
  type ResourceTemplateDefinition,
} from './define-resource-template.js'
export type { InputRequired } from './definition.js'
export {
  type CallLike,
  type Definition,
  type Definitions,
  definitionsOf,
} from './definitions.js'
export type { RequestEvent, ToolCallEvent, ToolOutcome } from './events.js'
export { type ToolHandler, type ToolHandlerOptions, toolHandler } from './http.js'
export {
  type InWorker,
  type InWorkerOptions,
  inWorker,
  type WorkerContext,
  type WorkerFunction,
} from './in-worker.js'
export { ResourceNotFoundError } from './not-found.js'
export type { StreamsDetails } from './refuse-stream.js'
export { createToolServer, type ToolServer } from './server.js'
export type { ToolServerOptions } from './server-options.js'
export { ToolError } from './tool-error.js'
export type { CallEnd, TraceCall, TracedCall } from './trace.js'
export type { Logger, Principal, RunContext, ToolContext, ToolServices } from './types.js'
export type { Watched } from './watched.js'
