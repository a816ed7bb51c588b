import { expect, it } from 'vitest'
import { ConfigError, loadConfig, parsed, printConfig, secret } from '../src/index.js'

const keys = parsed((text): string[] => {
  const list = JSON.parse(text)
  if (!Array.isArray(list)) throw new Error('@acme/keys: not usable:\n- keys must be a list')
  return list
})

function faultsOf(shape: Parameters<typeof loadConfig>[0], env: Record<string, string>) {
  try {
    loadConfig(shape, { env })
  } catch (error) {
    if (error instanceof ConfigError) return error.message
  }
  throw new Error('accepted')
}

it('gives what the function makes of the text', () => {
  const config = loadConfig(
    {
      KEYS: secret(keys),
      HOPS: parsed(Number, { default: '2' }),
      NONE: parsed(Number, { optional: true }),
    },
    { env: { KEYS: '["a"]' } },
  )
  expect([config.KEYS, config.HOPS, config.NONE]).toEqual([['a'], 2, undefined])
})

it('tells why the function refused, on one line, and of a secret nothing else', () => {
  const message = faultsOf({ KEYS: secret(keys), OTHER: keys }, { KEYS: '"hunter2"' })
  expect(message).toContain(
    'KEYS: got 9 characters: not usable: - keys must be a list; correct KEYS',
  )
  expect(message).toContain('OTHER: is not set')
  expect(message).not.toContain('hunter2')
})

it('shows the default as it would be written', () => {
  const shape = { HOPS: parsed(Number, { default: '2' }) }
  expect(printConfig(shape, { env: {} })).toBe('HOPS=2 (default)')
})

it('refuses a default that the function refuses, and one beside optional', () => {
  const wrong = [
    () => parsed(JSON.parse, { default: '{' }),
    () => parsed(Number, { default: '1', optional: true }),
  ]
  for (const create of wrong) {
    expect(create).toThrow(expect.objectContaining({ code: 'ERR_CONFIG_OPTION' }))
  }
})
