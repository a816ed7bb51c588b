import { authenticate, authorize } from '@mcp-prod/auth'
import { addLogFields, type Logger, requestLog } from '@mcp-prod/logging'
import type { Metrics } from '@mcp-prod/metrics'
import { limitByIp, limitByPrincipal } from '@mcp-prod/ratelimit'
import { notFound, recover } from '@mcp-prod/recovery'
import { requestDeadline, withDeadline } from '@mcp-prod/resilience'
import { type Call, callsOf, jsonBody } from '@mcp-prod/rpc'
import { corsAllowlist, hostGuard, securityHeaders } from '@mcp-prod/security'
import type { Shutdown } from '@mcp-prod/shutdown'
import { createToolServer, toolHandler } from '@mcp-prod/tools'
import express, { type Request } from 'express'
import { createAuth } from './auth.js'
import type { Config } from './config.js'
import { name, version } from './identity.js'
import { endpointScopes, hierarchy } from './scopes.js'
import type { Services } from './services.js'
import { tools } from './tools/index.js'

export interface AppParts {
  config: Config
  logger: Logger
  metrics: Metrics
  services: Services
  shutdown: Shutdown
}

const toolNamed = new Map(tools.map((tool) => [tool.name, tool]))
const toolOf = (call: Call) =>
  call.method === 'tools/call' ? toolNamed.get(call.name ?? '') : undefined

/** The public port: what a request passes, in this order, before a tool runs. */
export function createApp({ config, logger, metrics, services, shutdown }: AppParts) {
  const mcp = toolHandler(
    createToolServer(tools, {
      name,
      version,
      services,
      logger,
      signal: shutdown.signal,
      onCall: metrics.observeTool,
      onAbandoned: metrics.observeAbandoned,
      budget: withDeadline,
      listOnlyCallable: config.LIST_ONLY_CALLABLE,
    }),
    {
      onError: (error) => logger.debug('refused by the protocol', { error }),
      // So long a stream may outlive the revocation of what it was opened with; clients open it again.
      maxSubscriptionMs: 600_000,
    },
  )

  const auth = createAuth(config, logger)

  /** Counts the calls of a request that was refused before any of them ran. */
  const countRefused = (outcome: 'denied' | 'limited') => (req: Request) => {
    for (const call of callsOf(req)) {
      const tool = toolOf(call)
      if (tool) metrics.observeTool({ tool: tool.name, outcome })
    }
  }

  const app = express()
  app.set('trust proxy', config.TRUST_PROXY)
  app.set('query parser', false)
  app.set('etag', false)

  app.use(securityHeaders())
  app.use(requestLog(logger))
  app.use(metrics.middleware)
  app.use(hostGuard({ hosts: config.ALLOWED_HOSTS, origins: config.ALLOWED_ORIGINS }))
  // Behind the guard, or a web page under a foreign name could use up its visitor's own limit.
  app.use(limitByIp({ limit: config.IP_LIMIT_PER_MINUTE }))
  app.use(corsAllowlist(config.ALLOWED_ORIGINS))
  app.all(
    '/mcp',
    authenticate(auth.verify, {
      scopes: endpointScopes,
      hierarchy,
      certificates: auth.certificates,
      onRefused: (_req, refusal) => addLogFields({ refusal }),
    }),
    jsonBody({ maxBytes: config.MAX_BODY }),
    requestDeadline({ maxMs: config.REQUEST_TIMEOUT }),
    authorize((call) => toolOf(call)?.scopes ?? [], {
      scopes: endpointScopes,
      onDenied(req) {
        addLogFields({ refusal: 'scope' })
        countRefused('denied')(req)
      },
    }),
    limitByPrincipal({
      limit: config.PRINCIPAL_LIMIT_PER_MINUTE,
      costOf: (call) => toolOf(call)?.weight ?? 1,
      onLimited: countRefused('limited'),
    }),
    mcp.middleware,
  )
  app.use(notFound())
  app.use(recover({ logger }))

  return { app, auth, mcp }
}
