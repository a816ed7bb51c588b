// Run as a process of its own by log-level.test.ts: waits for SIGUSR2 and for the end of its input.
import { createLogger, levelOnSignal } from '../src/index.js'

const logger = createLogger()
levelOnSignal(logger, 'SIGUSR2')
process.stdin.resume()
logger.info('ready')
