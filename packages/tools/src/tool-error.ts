/**
 * A failure that the caller should read: its message is the tool's answer (`isError: true`). The text of any
 * other error stays in the log, and the caller gets a correlation id.
 */
export class ToolError extends Error {
  override name = 'ToolError'
  readonly code = 'ERR_TOOLS_TOOL_ERROR'
}
