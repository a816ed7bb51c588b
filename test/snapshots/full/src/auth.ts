import { clientCertificates, tokensByForm } from '@mcp-prod/auth'
import type { Check } from '@mcp-prod/health'
import type { Logger } from '@mcp-prod/logging'
import type { Request } from 'express'
import type { Config } from './config.js'
import { createKeys } from './keys.js'

/** Who may call: which credentials are accepted, and where clients learn of them. */
export function createAuth(config: Config, logger: Logger) {
  const keys = createKeys(config)
  const certificatesOf = ({ TLS_CLIENTS: clients }: Config) =>
    clients && clientCertificates(clients)
  let certificates = certificatesOf(config)
  const checks: Record<string, Check> = {
    // Shown by the probes, but never a reason to be unready: every replica has the same authorization server.
  }
  return {
    checks,
    /** The form of a token decides who looks at it; nobody is asked twice. */
    verify: tokensByForm({
      apiKey: keys.verify,
    }),
    /** Where no token is sent, a client certificate may speak for the caller, if TLS_CLIENTS lists it. */
    certificates: (req: Request) => certificates?.(req),
    /** Takes over settings whose file has changed. */
    update(next: Config, changed: readonly string[]) {
      if (changed.includes('TLS_CLIENTS')) certificates = certificatesOf(next)
      if (changed.includes('API_KEYS')) keys.update(next)
      if (changed.length > 0) logger.info('settings replaced', { settings: changed })
    },
  }
}
