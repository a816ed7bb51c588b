import { ToolError } from './tool-error.js'

const MAX_CAUSES = 4

interface CopiedError {
  name: string
  message: string
  stack?: string
  code?: string
  cause?: CopiedError
}

/** How a run in a thread failed, as plain data: a copy of an error loses its class and its code. */
export type Fault = { toolError: string } | { error: CopiedError }

/** Taken apart in the thread; a `ToolError` is known by its code, for the thread may have another copy of this package. */
export function faultOf(error: unknown): Fault {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code === 'ERR_TOOLS_TOOL_ERROR') return { toolError: String(message) }
  return { error: copyOf(error, MAX_CAUSES) }
}

/** Put together again on this side. */
export function errorOf(fault: Fault): Error {
  return 'toolError' in fault ? new ToolError(fault.toolError) : revive(fault.error)
}

function copyOf(error: unknown, causes: number): CopiedError {
  if (!(error instanceof Error)) return { name: 'Error', message: `thrown: ${String(error)}` }
  const { name, message, stack, code, cause } = error as Error & { code?: unknown }
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === 'string' && { stack }),
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && causes > 0 && { cause: copyOf(cause, causes - 1) }),
  }
}

function revive({ message, cause, ...fields }: CopiedError): Error {
  return Object.assign(new Error(message, cause && { cause: revive(cause) }), fields)
}
