import { describe, expect, it } from 'vitest'
import { connectRedis, redisEventBus, redisEventStore, redisMeters } from '../src/index.js'

const url = 'redis://127.0.0.1:1'
const redis = { kind: 'server', use: async () => Promise.reject(new Error('away')) } as const
const never = () => {
  throw new Error('nothing connects with wrong options')
}
const fallback = { charge: () => [] }

describe('a wrong option', () => {
  it.each([
    ['connectTimeoutMs', 0],
    ['connectTimeoutMs', 60_001],
    ['commandTimeoutMs', 1.5],
    ['commandTimeoutMs', '1s'],
    ['maxPending', Number.POSITIVE_INFINITY],
    ['tls', {}],
    ['tls', 'yes'],
  ])('of connectRedis stops the start: %s %j', (option, value) => {
    const start = () => connectRedis(url, { [option]: value })
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_REDIS_OPTION' }))
    expect(start).toThrow(`@mcp-prod/redis: ${option} must be`)
  })

  it('cannot turn the verification of certificates off', () => {
    const tls = { rejectUnauthorized: false } as never
    expect(() => connectRedis('rediss://127.0.0.1:1', { tls })).toThrow('tls must be an object of')
  })

  it.each([
    ['timeoutMs', 0],
    ['timeoutMs', 51],
    ['share', -0.1],
    ['share', 1.1],
    ['share', Number.NaN],
    ['share', '1'],
    ['maxPending', 0],
    ['keyPrefix', 'a{b}'],
    ['keyPrefix', 'a b'],
    ['keyPrefix', 7],
    ['onChange', 'log'],
    ['fallback', undefined],
    ['fallback', {}],
  ])('of redisMeters stops the start: %s %j', (option, value) => {
    const start = () => redisMeters(redis, { fallback, [option]: value })
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_REDIS_OPTION' }))
    expect(start).toThrow(`@mcp-prod/redis: ${option} must be`)
  })

  it.each([
    ['keyPrefix', 'a{b}'],
    ['coalesceMs', 0],
    ['maxPending', 0],
    ['maxHistory', 1],
    ['subscribedUris', ['note://1']],
    ['onChange', 'log'],
    ['onGap', 1],
    ['onError', null],
  ])('of redisEventBus stops the start: %s %j', (option, value) => {
    const start = () => redisEventBus({ ...redis, duplicate: () => never() }, { [option]: value })
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_REDIS_OPTION' }))
    expect(start).toThrow(`@mcp-prod/redis: ${option} must be`)
  })

  it.each([
    ['keyPrefix', '{'],
    ['maxEventsPerSession', 0],
    ['maxBytesPerSession', 10],
    ['maxBytes', -1],
    ['maxAgeMs', 0],
    ['timeoutMs', 2_001],
    ['encryptionKeys', 'a text of 32 characters or more.'],
    ['encryptionKeys', []],
    ['encryptionKeys', ['a text of 32 characters or more.', 'hunter2']],
    ['encryptionKeys', [undefined]],
    ['encryptionKeys', [32]],
  ])('of redisEventStore stops the start: %s %j', (option, value) => {
    const start = () => redisEventStore(redis, { [option]: value })
    expect(start).toThrow(expect.objectContaining({ code: 'ERR_REDIS_OPTION' }))
    expect(start).toThrow(new RegExp(`^@mcp-prod/redis: ${option}(\\[\\d\\])? must (be|have)`))
    expect(start).not.toThrow('hunter2')
  })

  it('that names no Redis stops the start', () => {
    expect(() => redisMeters({} as never, { fallback })).toThrow('redis must be what connectRedis')
    expect(() => redisEventBus(redis as never)).toThrow('redis must be what connectRedis')
    expect(() => redisEventStore(null as never)).toThrow('redis must be what connectRedis')
  })
})

it('a listener that fails decides nothing', async () => {
  const onChange = () => {
    throw new Error('the log is full')
  }
  const meters = redisMeters(redis, { share: 1, fallback, onChange })
  expect(await meters.charge([{ key: 'a', units: 1, limit: 1, windowMs: 1_000 }])).toEqual([])
  expect(meters.state()).toMatchObject({ away: true, errors: 1 })
  meters.close()
})
