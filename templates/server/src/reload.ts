import type { Server } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import { type ConfigError, watchConfig } from '@mcp-prod/config'
import type { Logger } from '@mcp-prod/logging'
import { certificateOf, renewTls } from '@mcp-prod/security'
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
  const first = tlsOf(config)
  let certificate = first && certificateOf(first)

  function onChange(next: Config, changed: readonly string[]) {
    const live = changed.filter(isLive)
    const waiting = changed.filter((name) => !isLive(name))
    // First of all: nothing may keep a revoked key alive.
    auth.update(next, live)
    if (waiting.length > 0) logger.warn('a restart is needed', { settings: waiting })
    const tls = live.some((name) => name.startsWith('TLS_')) && tlsOf(next)
    if (!tls) return
    certificate = renewTls(server, tls)
    logger.info('certificate replaced', { ...certificate })
  }

  const watch = watchConfig(settings, {
    onChange,
    // Its own words hold no secret; as the text of an error, names such as API_KEYS would be taken for one.
    onFault: (error: ConfigError) =>
      logger.error('a changed setting is not taken, the old value stays', {
        faults: error.faults.map(({ name: setting, ...fault }) => ({ setting, ...fault })),
      }),
    // All but the certificate has been taken over before it throws.
    onError: (error) => logger.error('the certificate is not replaced', { error }),
  })
  const missed = (Object.keys(settings) as Name[])
    .filter(isLive)
    .filter((name) => !isDeepStrictEqual(config[name], watch.config[name]))
  // Replaced between the start's look at the files and this one.
  if (missed.length > 0) onChange(watch.config, missed)
  return {
    /** What the server shows at the moment; none where a proxy in front ends TLS. */
    certificate: () => certificate,
    close: () => watch.close(),
  }
}
