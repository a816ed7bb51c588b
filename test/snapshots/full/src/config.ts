import { existsSync } from 'node:fs'
import { parseApiKeys } from '@mcp-prod/auth'
import {
  byteSize,
  choice,
  duration,
  integer,
  list,
  loadConfig,
  parsed,
  port,
  secret,
  text,
  url,
} from '@mcp-prod/config'
import { trustProxy } from '@mcp-prod/security'

/** What every way of running the server reads. */
const shared = {
  LOG_LEVEL: choice(['error', 'warn', 'info', 'debug'], { default: 'info' }),
  WEATHER_URL: url({ default: 'https://api.open-meteo.com/' }),
  WEATHER_TIMEOUT: duration({ default: '3s' }),
}

/** Every setting: its name in the environment (or NAME_FILE), its type and its default. See .env.example. */
export const settings = {
  ...shared,
  HOST: text({ default: '127.0.0.1' }),
  PORT: port({ default: 8080 }),
  ADMIN_HOST: text({ default: '127.0.0.1' }),
  ADMIN_PORT: port({ default: 8081 }),

  API_KEYS: secret(parsed(parseApiKeys)),
  ALLOWED_HOSTS: list({ default: ['localhost', '127.0.0.1', '[::1]'] }),
  ALLOWED_ORIGINS: list({ default: [] }),
  TRUST_PROXY: parsed(trustProxy, { default: '0' }),

  MAX_BODY: byteSize({ default: '4MiB' }),
  IP_LIMIT_PER_MINUTE: integer({ min: 1, default: 600 }),
  PRINCIPAL_LIMIT_PER_MINUTE: integer({ min: 1, default: 300 }),

  SHUTDOWN_GRACE: duration({ default: '5s' }),
  SHUTDOWN_DRAIN: duration({ default: '20s' }),
  SHUTDOWN_DEADLINE: duration({ default: '30s' }),
}

export type Config = ReturnType<typeof readConfig>
export type SharedConfig = ReturnType<typeof readSharedConfig>

/** @throws ConfigError that lists every fault at once. */
export function readConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(settings, { env })
}

/** The part that does not need a network, for stdio. @throws ConfigError */
export function readSharedConfig(env: NodeJS.ProcessEnv = process.env) {
  return loadConfig(shared, { env })
}

/** Reads .env into the environment for development. In production the platform sets the environment. */
export function loadDevelopmentEnv(): void {
  if (process.env.NODE_ENV !== 'production' && existsSync('.env')) process.loadEnvFile('.env')
}
