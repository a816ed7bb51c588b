/** Started under libfaketime by clock.test.ts: opens a breaker, and tells what the clocks say until it tries again. */
import { once } from 'node:events'
import { policy, withDeadline } from '../src/index.js'

const OPEN_MS = 1_000

function say(line: Record<string, unknown>) {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const guarded = policy('db', { breaker: { openMs: OPEN_MS, windowMs: 60_000 } })
for (let i = 0; i < 10; i++) {
  await guarded
    .run(() => {
      throw new Error('down')
    })
    .catch(() => {})
}
const openedAt = { wall: Date.now(), monotonic: performance.now() }
say({ message: 'open', state: guarded.state })

await withDeadline(30_000, async (timeoutMs) => {
  await once(process.stdin, 'data')
  while (guarded.state === 'open' && performance.now() - openedAt.monotonic < 10_000) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const probe = await guarded.run(() => 'up').catch((error) => error.code)
  say({
    message: 'tried',
    wallMs: Date.now() - openedAt.wall,
    monotonicMs: performance.now() - openedAt.monotonic,
    timeoutMs,
    probe,
    state: guarded.state,
  })
})
process.exit()
