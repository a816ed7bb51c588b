// The SDK that speaks the protocol: its second line, which serves 2026-07-28 and the revisions before it.
export { createToolServer, toolHandler } from '@mcp-prod/tools'
