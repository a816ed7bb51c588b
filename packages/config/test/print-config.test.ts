import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { z } from 'zod'
import {
  byteSize,
  choice,
  duration,
  flag,
  list,
  port,
  printConfig,
  secret,
  text,
  url,
} from '../src/index.js'

it('prints each setting with where it came from, faults in place, secrets not at all', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'))
  const path = join(folder, 'value')
  writeFileSync(path, '9090\n')
  const printed = printConfig(
    {
      PORT: port({ default: 8080 }),
      ADMIN_PORT: port(),
      TIMEOUT: duration({ default: '5s' }),
      IDLE: duration(),
      MAX: byteSize({ default: '4MiB' }),
      LOG_LEVEL: choice(['info', 'debug'], { default: 'info' }),
      ORIGINS: list({ default: ['https://a', 'https://b'] }),
      UPSTREAMS: list(),
      DEBUG: flag({ default: false }),
      UPSTREAM_URL: url({ optional: true }),
      API_KEYS: secret(),
      DB_PASSWORD: secret(),
      SENTRY_KEY: secret({ optional: true }),
      CUSTOM: z.string().default('z'),
      OBJECT: z.object({ a: z.number() }).default({ a: 1 }),
      WRONG: port(),
      MISSING: text(),
      GONE: text({ default: 'x' }),
    },
    {
      env: {
        ADMIN_PORT_FILE: path,
        IDLE: '90s',
        UPSTREAMS: 'https://u:hunter2@a,https://b?k=hunter2,c',
        API_KEYS: 'hunter2',
        DB_PASSWORD_FILE: path,
        WRONG: 'eighty',
        GONE_FILE: join(folder, 'gone'),
      },
    },
  )
  rmSync(folder, { recursive: true })
  expect(printed.split('\n')).toEqual([
    'PORT=8080 (default)',
    `ADMIN_PORT=9090 (file "${path}")`,
    'TIMEOUT=5s (default)',
    'IDLE=90s (environment)',
    'MAX=4MiB (default)',
    'LOG_LEVEL=info (default)',
    'ORIGINS=https://a,https://b (default)',
    'UPSTREAMS=https://[hidden]@a,https://b?[hidden],c (environment)',
    'DEBUG=false (default)',
    'UPSTREAM_URL=[not set] (optional)',
    'API_KEYS=[set] (environment)',
    `DB_PASSWORD=[set] (file "${path}")`,
    'SENTRY_KEY=[not set] (optional)',
    'CUSTOM=z (default)',
    'OBJECT={ a: 1 } (default)',
    'WRONG=[not valid] (fault: got "eighty", expected a whole number from 0 to 65535)',
    'MISSING=[not set] (fault: is not set)',
    `GONE=[not set] (fault: the file "${join(folder, 'gone')}" cannot be read (ENOENT))`,
  ])
})

it('keeps a value to its line', () => {
  const printed = printConfig(
    { MOTD: z.string() },
    { env: { MOTD: `a\nPORT=1 (default)\r\u2028${'x'.repeat(500)}` } },
  )
  expect(printed.split(/[\n\r\u2028]/)).toHaveLength(1)
  expect(printed).toMatch(
    /^MOTD=a\\u\{a\}PORT=1 \(default\)\\u\{d\}\\u\{2028\}x+… \(environment\)$/,
  )
  expect(printed.length).toBeLessThan(260)
})

it('refuses a wrong shape', () => {
  expect(() => printConfig({ 'a b': text() }, { env: {} })).toThrow(
    expect.objectContaining({ code: 'ERR_CONFIG_OPTION' }),
  )
})
