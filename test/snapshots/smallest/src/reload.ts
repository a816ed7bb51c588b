import type { Server } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { watchConfig } from '@mcp-prod/config'
import type { Logger } from '@mcp-prod/logging'
import { renewTls } from '@mcp-prod/security'
import type { createAuth } from './auth.js'
import { type Config, settings, tlsOf } from './config.js'

export interface Reloaded {
  config: Config
  logger: Logger
  auth: ReturnType<typeof createAuth>
  server: Server
}

type Name = keyof typeof settings

/** Settings that can be replaced while the server runs, by replacing the file that NAME_FILE names. */
const isLive = (name: string) =>
  /^(API_KEYS|OAUTH_JWKS|OAUTH_CLIENT_SECRET|TLS_[A-Z_]+)$/.test(name)

/** Looks at those files every few seconds: keys and certificates are rotated without a restart. */
export function watchSettings({ config, logger, auth, server }: Reloaded) {
  function onChange(next: Config, changed: readonly string[]) {
    const tls = changed.some((name) => name.startsWith('TLS_')) && tlsOf(next)
    if (tls) logger.info('certificate replaced', { ...renewTls(server, tls) })
    auth.update(next, changed)
    const waiting = changed.filter((name) => !isLive(name))
    if (waiting.length > 0) logger.warn('a restart is needed', { settings: waiting })
  }
  const notTaken = (error: unknown) => logger.error('a changed setting is not taken', { error })
  const watch = watchConfig(settings, { onChange, onFault: notTaken, onError: notTaken })
  const missed = (Object.keys(settings) as Name[])
    .filter(isLive)
    .filter((name) => !isDeepStrictEqual(config[name], watch.config[name]))
  // Replaced between the start's look at the files and this one.
  if (missed.length > 0) onChange(watch.config, missed)
  return watch
}
