// The SDK that speaks the protocol over stdio: its first line.
export { serveStdio } from '@mcp-prod/sdk-v1'
