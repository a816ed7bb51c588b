import { ToolError } from './tool-error.js'

/** A call that was refused because there is no room for it now. */
export class OverloadedError extends ToolError {}

/** @throws TypeError `ERR_TOOLS_OPTION`, which names what is wrong and what to do. */
export function optionError(problem: string): never {
  throw Object.assign(new TypeError(`@mcp-prod/tools: ${problem}`), { code: 'ERR_TOOLS_OPTION' })
}
