/** @throws TypeError `ERR_TRACING_OPTION`, which names what is wrong and what to do. */
export function optionError(problem: string): never {
  throw Object.assign(new TypeError(`@mcp-prod/tracing: ${problem}`), {
    code: 'ERR_TRACING_OPTION',
  })
}
