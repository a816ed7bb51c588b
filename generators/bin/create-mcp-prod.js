#!/usr/bin/env node
// Nothing here needs a new Node, so that an old one prints a sentence and not a syntax error.
const have = process.versions.node
const parts = have.split('.').map(Number)
if (parts[0] < 20 || (parts[0] === 20 && parts[1] < 19)) {
  process.stderr.write(`create-mcp-prod: Node ${have} is too old: install Node 20.19 or newer\n`)
  process.exitCode = 1
} else {
  import('../dist/cli.js').then(
    (cli) => cli.main(),
    (error) => {
      const missing = error.code === 'ERR_MODULE_NOT_FOUND'
      const remedy = missing
        ? 'this clone is not built or installed: run npm ci && npm run build'
        : ''
      process.stderr.write(`create-mcp-prod: ${remedy || error.stack}\n`)
      process.exitCode = 1
    },
  )
}
