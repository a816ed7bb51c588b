// Run as a process of its own by stream.test.ts: child.ts <stdout|stderr> <flood|exit|broken|turn|crash>
import { setTimeout } from 'node:timers/promises'
import { createLogger } from '../src/index.js'

const [target, mode] = process.argv.slice(2)
const logger = createLogger({ stream: target === 'stderr' ? process.stderr : process.stdout })

if (mode === 'broken') {
  for (let i = 0; i < 40; i++) {
    logger.info('line', { i, padding: 'x'.repeat(1000) })
    await setTimeout(5)
  }
  await logger.flush()
  process.stderr.write('survived')
} else if (mode === 'turn' || mode === 'crash') {
  for (let i = 0; i < 5; i++) logger.info('line', { i })
  if (mode === 'turn') process.exit(0)
  throw new Error('nobody catches this')
} else {
  for (let i = 0; i < 10_000; i++) logger.info('line', { i, padding: 'x'.repeat(100) })
  if (mode === 'flood') await logger.flush()
  process.exit(0)
}
