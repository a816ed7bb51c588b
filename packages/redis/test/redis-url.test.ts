import { describe, expect, it } from 'vitest'
import { connectRedis, isRedisUrl, parseRedisUrl } from '../src/index.js'

const server = { kind: 'server', tls: false, db: 0 }

describe('a Redis URL', () => {
  it.each([
    ['redis://h', { ...server, hosts: [{ host: 'h', port: 6379 }] }],
    ['redis://h/', { ...server, hosts: [{ host: 'h', port: 6379 }] }],
    [
      'rediss://u:p%40%2F%3A@redis.example.com:6380/3',
      {
        kind: 'server',
        tls: true,
        db: 3,
        username: 'u',
        password: 'p@/:',
        hosts: [{ host: 'redis.example.com', port: 6380 }],
      },
    ],
    ['redis://:a:b@[::1]:1', { ...server, password: 'a:b', hosts: [{ host: '::1', port: 1 }] }],
    [
      'redis+sentinel://u:p@h1,h2:26380/my-master/2',
      {
        kind: 'sentinel',
        tls: false,
        db: 2,
        username: 'u',
        password: 'p',
        master: 'my-master',
        hosts: [
          { host: 'h1', port: 26_379 },
          { host: 'h2', port: 26_380 },
        ],
      },
    ],
    [
      'rediss+cluster://:p@h1,h2:7000/0',
      {
        kind: 'cluster',
        tls: true,
        db: 0,
        password: 'p',
        hosts: [
          { host: 'h1', port: 6379 },
          { host: 'h2', port: 7000 },
        ],
      },
    ],
  ])('%s is taken apart', (url, target) => {
    expect(parseRedisUrl(url)).toEqual(target)
    expect(isRedisUrl(url)).toBe(true)
  })

  it.each([
    ['', 'another form'],
    ['http://:hunter2@h', 'another form'],
    ['redis:hunter2@h', 'another form'],
    ['redis://:hunter2@', 'another form'],
    ['redis://:hunter2@h@evil.example', 'another form'],
    ['redis+unix://:hunter2@h', 'another form'],
    ['redis://:hunter2@h?tls=no', '? or #'],
    ['redis://:hunter2#x@h', '? or #'],
    ['redis://:hunter2@h/0#x', '? or #'],
    ['redis://:hunter2@h:0', 'a port'],
    ['redis://:hunter2@h:65536', 'a port'],
    ['redis://:hunter2@h:', 'a host'],
    ['redis://:hunter2@h:12x', 'a host'],
    ['redis://:hunter2@::1', 'a host'],
    ['redis://:hunter2@h,', 'a host'],
    ['redis://:hunter2@h1,h2', 'one host'],
    ['redis://:hunter2@h/one', 'no number'],
    ['redis://:hunter2@h/-1', 'no number'],
    ['redis://:hunter2@h/0/1', 'no number'],
    ['redis://hunter2@h', 'without a password'],
    ['redis://hunter2:@h', 'without a password'],
    ['redis://:%zzhunter2@h', 'percent-encoded'],
    ['redis://:hunter2@h\n', 'spaces or control'],
    ['redis://:hunter 2@h', 'spaces or control'],
    ['redis+sentinel://:hunter2@h', 'name of the master'],
    ['redis+sentinel://:hunter2@h/', 'name of the master'],
    ['redis+sentinel://:hunter2@h/a b', 'spaces'],
    ['redis+sentinel://:hunter2@h/m/x', 'no number'],
    ['redis+cluster://:hunter2@h1,h2/1', 'no database but 0'],
  ])('%j is refused, and not repeated', (url, why) => {
    for (const refuse of [parseRedisUrl, connectRedis]) {
      const error = thrownBy(() => refuse(url))
      expect(error).toBeInstanceOf(TypeError)
      expect(error).toMatchObject({ code: 'ERR_REDIS_OPTION' })
      expect(error.message).toContain(why)
      expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('hunter2')
    }
    expect(isRedisUrl(url)).toBe(false)
  })

  it.each([undefined, null, 7])('%s is refused', (url) => {
    expect(() => connectRedis(url as never)).toThrow('it is no text')
    expect(isRedisUrl(url as never)).toBe(false)
  })
})

function thrownBy(work: () => unknown): Error {
  try {
    work()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
