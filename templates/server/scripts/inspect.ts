import { spawn } from 'node:child_process'
import { loadDevelopmentEnv } from '../src/config.js'

// Asks the running server with the MCP Inspector, as `npm run dev` serves it, and passes further words on:
// npm run inspect -- --method tools/call --tool-name countdown --tool-arg seconds=1
loadDevelopmentEnv()
const token = process.env.TOKEN ?? process.env.MCP_DEV_API_KEY
if (!token) {
  process.stderr.write('Set TOKEN to a token first, as README.md says under "Run".\n')
  process.exit(2)
}
const words = process.argv.slice(2)
const url = `http://localhost:${process.env.PORT ?? 8080}/mcp`
const inspector = spawn(
  'npx',
  [
    ...['-y', '-p', 'node@24', '-p', '@modelcontextprotocol/inspector@latest', 'mcp-inspector'],
    ...['--cli', url, '--transport', 'http'],
    ...['--header', `Authorization: Bearer ${token}`],
    ...(words.includes('--method') ? words : ['--method', 'tools/list', ...words]),
  ],
  { stdio: 'inherit' },
)
inspector.once('close', (code) => {
  process.exitCode = code ?? 1
})
