/** @throws TypeError `ERR_RPC_OPTION` */
export function positiveInteger(option: string, value: unknown): void {
  if (Number.isSafeInteger(value) && (value as number) > 0) return
  const error = new TypeError(
    `@mcp-prod/rpc: ${option} must be a positive integer, got ${String(value)}`,
  )
  throw Object.assign(error, { code: 'ERR_RPC_OPTION' })
}
