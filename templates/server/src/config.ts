import { existsSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { parseClientCertificates } from '@mcp-prod/auth'
import {
  byteSize,
  ConfigError,
  choice,
  duration,
  type Fault,
  flag,
  integer,
  loadConfig,
  parsed,
  port,
  secret,
  text,
  url, // +upstream
} from '@mcp-prod/config'
import { trustProxy } from '@mcp-prod/security'
import { introspectionSettings } from './introspection.js' // +introspection
import { jwtSettings } from './jwt.js' // +jwt
import { keySettings } from './keys.js' // +apikey
import { workerCount } from './machine.js'
import { postgresSettings } from './postgres.js' // +postgres
import { redisSettings } from './redis.js' // +redis
import { resourceSettings } from './resource.js' // +oauth
import { sessionFaults, sessionSettings } from './session-settings.js' // +sessions
import {
  adminPort,
  adminToken,
  auditTarget,
  certificates,
  hosts,
  origins,
  pem,
  share,
  stateKeys,
} from './setting-values.js'
import { tracingSettings } from './tracing.js' // +tracing

/** What every way of running the server reads. */
const shared = {
  LOG_LEVEL: choice(['error', 'warn', 'info', 'debug'], { default: 'info' }),
  WEATHER_URL: url({ default: 'https://api.open-meteo.com/' }), // +upstream
  WEATHER_TIMEOUT: duration({ default: '3s' }), // +upstream
  ...postgresSettings, // +postgres
  ...redisSettings, // +redis
  ...tracingSettings, // +tracing
}

/** Every setting: its name in the environment (or NAME_FILE), its type and its default. See .env.example. */
export const settings = {
  ...shared,
  HOST: text({ default: '127.0.0.1' }),
  PORT: port({ default: 8080 }),
  ADMIN_HOST: text({ default: '127.0.0.1' }),
  ADMIN_PORT: parsed(adminPort, { default: '8081' }),
  WORKERS: parsed(workerCount, { default: '1' }),

  ...keySettings, // +apikey
  ...resourceSettings, // +oauth
  ...jwtSettings, // +jwt
  ...introspectionSettings, // +introspection
  LIST_ONLY_CALLABLE: flag({ default: false }),
  // Without it there is neither profiling nor a way to change the log's level but SIGUSR2.
  ADMIN_TOKEN: secret(parsed(adminToken, { optional: true })),

  ACCESS_LOG_SHARE: parsed(share, { default: '1' }),
  SLOW_REQUEST: duration({ min: '1ms', max: '1h', default: '2s' }),
  AUDIT_LOG: parsed(auditTarget, { default: 'stdout' }),

  // TLS ends here only where these are set; usually a proxy in front does it.
  TLS_CERT: parsed(certificates, { optional: true }),
  TLS_KEY: secret(parsed(pem, { optional: true })),
  TLS_CLIENT_CA: parsed(certificates, { optional: true }),
  TLS_CLIENTS: parsed(parseClientCertificates, { optional: true }),

  ALLOWED_HOSTS: parsed(hosts, { default: 'localhost,127.0.0.1,[::1]' }),
  ALLOWED_ORIGINS: parsed(origins, { default: '' }),
  TRUST_PROXY: parsed(trustProxy, { default: '0' }),

  ...sessionSettings, // +sessions
  // Signs what a client keeps between two rounds of a call that asks back; replicas need the same.
  REQUEST_STATE_KEYS: secret(parsed(stateKeys, { optional: true })),

  MAX_BODY: byteSize({ min: '1KiB', default: '4MiB' }),
  IP_LIMIT_PER_MINUTE: integer({ min: 1, default: 600 }),
  PRINCIPAL_LIMIT_PER_MINUTE: integer({ min: 1, default: 300 }),
  MAX_CONCURRENT_CALLS: integer({ min: 1, max: 100_000, default: 256 }),
  MAX_EVENT_LOOP_DELAY: duration({ min: '50ms', max: '1m', default: '200ms' }),
  LIMITS_WITHOUT_REDIS: parsed(share, { default: '0.5' }), // +redis

  REQUEST_TIMEOUT: duration({ min: '1ms', max: '1h', default: '15s' }),
  STARTUP_TIMEOUT: duration({ max: '1h', default: '60s' }),
  EVENT_LOOP_KILL: duration({ max: '1h', default: '60s' }),
  SHUTDOWN_GRACE: duration({ max: '1h', default: '5s' }),
  SHUTDOWN_DRAIN: duration({ max: '1h', default: '18s' }),
}

export type Config = ReturnType<typeof readConfig>
export type SharedConfig = ReturnType<typeof readSharedConfig>

/** @throws ConfigError that lists every fault at once. */
export function readConfig(env: NodeJS.ProcessEnv = process.env) {
  const config = loadConfig(settings, { env })
  checkTogether(config)
  return config
}

/** The part that does not need a network, for stdio. @throws ConfigError */
export function readSharedConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shared, { env })
}

/** TLS as `createServer` takes it; undefined where a proxy in front ends it. */
export function tlsOf({ TLS_CERT: cert, TLS_KEY: key, TLS_CLIENT_CA: clientCa }: Config) {
  return cert !== undefined && key !== undefined ? { cert, key, clientCa } : undefined
}

/** Reads this project's .env into the environment. In production the platform sets the environment. */
export function loadDevelopmentEnv(): void {
  const file = new URL('../.env', import.meta.url)
  if (process.env.NODE_ENV !== 'production' && existsSync(file)) process.loadEnvFile(file)
}

/** Settings that only make sense with others. */
function checkTogether(config: Partial<Record<keyof typeof settings, unknown>>): void {
  const needs = { TLS_CERT: 'TLS_KEY', TLS_KEY: 'TLS_CERT', TLS_CLIENT_CA: 'TLS_CERT' } as const
  const both = { TLS_CLIENT_CA: 'TLS_CLIENTS', TLS_CLIENTS: 'TLS_CLIENT_CA' } as const
  const faults: Fault[] = [...Object.entries(needs), ...Object.entries(both)]
    .filter(([name, other]) => config[name as keyof typeof needs] && !config[other])
    .map(([name, other]) => ({
      name: other,
      problem: `is not set, but ${name} is`,
      remedy: `set ${other} too, or ${other}_FILE to the path of a file that holds it`,
    }))
  const { TLS_CERT: cert, TLS_KEY: key } = config
  const mismatch = cert && key ? mismatchOf(String(cert), String(key)) : undefined
  if (mismatch) faults.push(mismatch)
  if (config.ADMIN_PORT === 'none' && Number(config.WORKERS) > 1) {
    faults.push({
      name: 'WORKERS',
      problem: `is ${config.WORKERS} here, but ADMIN_PORT is none`,
      remedy: 'set WORKERS to 1 and run more replicas, or give ADMIN_PORT a port of its own',
    })
  }
  faults.push(...sessionFaults(config)) // +sessions
  if (faults.length > 0) throw new ConfigError(faults)
}

function mismatchOf(cert: string, key: string) {
  try {
    createSecureContext({ cert, key })
    return undefined
  } catch (error) {
    return {
      name: 'TLS_KEY' as const,
      problem: `does not fit TLS_CERT (${(error as Error).message})`,
      remedy: 'give the key that the certificate was made for, and the whole chain in TLS_CERT',
    }
  }
}
