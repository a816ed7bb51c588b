import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const CHILD = fileURLToPath(new URL('clock-child.ts', import.meta.url))
const HOUR_MS = 3_600_000
const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu', '']
  .flatMap((folder) => [join('/usr/lib', folder, 'faketime'), join('/usr/local/lib', 'faketime')])
  .map((folder) => join(folder, 'libfaketimeMT.so.1'))
  .find((path) => existsSync(path))
if (!library && process.env.REQUIRE_COMPONENTS === '1') throw new Error('libfaketime is missing')

it('a clock set back by an hour does not hold the breaker open', async ({ skip }) => {
  if (!library) return skip('libfaketime is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'clock-'))
  const offset = join(folder, 'offset')
  writeFileSync(offset, '+0\n')
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: offset,
      FAKETIME_NO_CACHE: '1',
      // Neither NTP nor an administrator can set the monotonic clock.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    },
  })
  try {
    const lines = createInterface(child.stdout)
    const [open] = await once(lines, 'line')
    expect(JSON.parse(open)).toEqual({ message: 'open', state: 'open' })
    writeFileSync(offset, '-3600\n')
    const tried = once(lines, 'line')
    child.stdin.write('\n')
    const seen = JSON.parse((await tried)[0])
    // The clock was really set back while the breaker was open.
    expect(seen.wallMs).toBeLessThan(-0.9 * HOUR_MS)
    expect(seen.monotonicMs).toBeGreaterThan(0)
    expect(seen).toMatchObject({ timeoutMs: 30_000, probe: 'up', state: 'closed' })
  } finally {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  }
})
