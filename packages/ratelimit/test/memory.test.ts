import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const script = fileURLToPath(new URL('memory-child.ts', import.meta.url))

async function flood(kind: string, maxKeys: number, keys: number) {
  const flags = ['--expose-gc', '--import', 'tsx']
  const args = [...flags, script, kind, String(maxKeys), String(keys)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const { held, bytes } = JSON.parse(stdout) as { held: number; bytes: number }
  const bytesPerKey = Math.round(bytes / held)
  process.stdout.write(`${kind}: ${held} keys held of ${keys}, ${bytesPerKey} bytes a key\n`)
  return { held, bytesPerKey }
}

describe('a million distinct keys', () => {
  it('leave no more than maxKeys of them, at the bytes that the README says', async () => {
    const { held, bytesPerKey } = await flood('address', 100_000, 1_000_000)
    expect(held).toBe(100_000)
    expect(bytesPerKey).toBeLessThan(250)
  }, 60_000)

  it('all held, cost as much each', async () => {
    const { held, bytesPerKey } = await flood('address', 1_000_000, 1_000_000)
    expect(held).toBe(1_000_000)
    expect(bytesPerKey).toBeLessThan(250)
  }, 60_000)
})

describe('the largest keys', () => {
  it.each([
    ['tool', 500],
    ['wide', 800],
  ])('of kind %s stay below %i bytes', async (kind, most) => {
    const { held, bytesPerKey } = await flood(kind, 50_000, 100_000)
    expect(held).toBe(50_000)
    expect(bytesPerKey).toBeLessThan(most)
  })
})

it('keys do not hold the headers that they were cut out of', async () => {
  const { held, bytesPerKey } = await flood('cut', 10_000, 10_000)
  expect(held).toBe(10_000)
  expect(bytesPerKey).toBeLessThan(500)
})
