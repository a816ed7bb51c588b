// Run as a process of its own by stream.test.ts:
// child.ts <stdout|stderr> <flood|exit|closed|links|broken|crash|full file|exit now|exit soon|exit handler> [folder of links, or padding of a full file]
import { closeSync, ftruncateSync } from 'node:fs'
import { createRequire } from 'node:module'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { createAudit, createLogger } from '../src/index.js'

const [target, mode, given = ''] = process.argv.slice(2)
if (mode === 'closed') closeSync(1)
const logger = createLogger({ stream: target === 'stderr' ? process.stderr : process.stdout })

if (mode === 'broken') {
  for (let i = 0; i < 40; i++) {
    logger.info('line', { i, padding: 'x'.repeat(1000) })
    await setTimeout(5)
  }
  await logger.flush()
  process.stderr.write('survived')
} else if (mode === 'links') {
  const require = createRequire(import.meta.url)
  require(`${given}/a.cjs`)
  createLogger()
  process.stderr.write(require(`${given}/b.cjs`))
} else if (mode === 'full file') {
  logger.info('line', { padding: given })
  const some = async (from: number) => {
    for (let i = from; i < from + 20; i++) logger.info('line', { i })
    await logger.flush()
  }
  await some(0)
  await some(20)
  // Room again. What was written is the parent's to read first.
  process.once('SIGUSR2', async () => {
    ftruncateSync(1)
    await some(40)
    process.exit()
  })
  process.stderr.write(String(logger.dropped))
  await setTimeout(60_000)
} else if (mode === 'crash' || mode?.startsWith('exit ')) {
  const audit = createAudit()
  const tell = (i: number) => {
    logger.info('line', { i, by: 'logger' })
    audit({ decision: 'allowed', i, by: 'audit' })
  }
  for (let i = 0; i < 2; i++) tell(i)
  if (mode === 'exit soon') await setImmediate()
  if (mode === 'exit handler') process.on('exit', () => [2, 3, 4].forEach(tell))
  else [2, 3, 4].forEach(tell)
  if (mode === 'crash') throw new Error('nobody catches this')
  process.exit(0)
} else {
  for (let i = 0; i < 10_000; i++) logger.info('line', { i, padding: 'x'.repeat(100) })
  if (mode === 'flood') await logger.flush()
  process.exit(0)
}
