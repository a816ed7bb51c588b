// The SDK that speaks the protocol: its first line, which serves the revisions up to 2025-11-25.
export { createToolServer, toolHandler } from '@mcp-prod/sdk-v1'
