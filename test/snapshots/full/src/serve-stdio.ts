// The SDK that speaks the protocol over stdio: its second line.
export { serveStdio } from '@modelcontextprotocol/server/stdio'
