/**
 * For `node --import @mcp-prod/shutdown/early`: until `listen()` takes over, SIGTERM and SIGINT end the process at once
 * with 128 + n, for nothing has begun. As process 1 of a container it would miss them: the kernel drops what nobody
 * handles there, and loading a program takes seconds on a small share of a CPU.
 */
import { constants } from 'node:os'
import { EARLY } from './signals.js'

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  const endAtOnce = () => process.exit(128 + constants.signals[signal])
  process.once(signal, Object.assign(endAtOnce, { [EARLY]: true }))
}
