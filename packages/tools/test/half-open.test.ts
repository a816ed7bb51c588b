/** A client that vanished: its machine lost power, or a firewall forgot its connection. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

/** Linux alone has networks of one's own, and not every container lets one make them. */
const canIsolate =
  spawnSync('unshare', [
    '-rn',
    'sh',
    '-c',
    'ip link set lo up && echo 2 > /proc/sys/net/ipv4/tcp_retries2',
  ]).status === 0

async function vanish(maxSubscriptionIdleMs: number) {
  const file = fileURLToPath(new URL('./half-open.ts', import.meta.url))
  const node = [process.execPath, '--import', 'tsx', file, String(maxSubscriptionIdleMs)]
  const child = spawn('unshare', ['-rn', ...node], { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += chunk
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), 80_000)
  await once(child, 'close')
  clearTimeout(timer)
  return JSON.parse(text)
}

it.skipIf(!canIsolate)(
  'a stream whose client is gone without a word ends when the keep-alive finds nobody',
  { timeout: 90_000 },
  async () => {
    expect(await vanish(0)).toMatchObject({ status: 200, open: 1, left: 0 })
  },
)

it.skipIf(!canIsolate)(
  'and does not wait for that where it may be idle for a shorter time',
  { timeout: 90_000 },
  async () => {
    const { left, tookMs } = await vanish(300)
    expect(left).toBe(0)
    expect(tookMs).toBeLessThan(5_000)
  },
)
