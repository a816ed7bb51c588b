import { authenticate, authorize } from '@mcp-prod/auth'
import { addLogFields, requestLog } from '@mcp-prod/logging'
import { notFound, recover } from '@mcp-prod/recovery'
import { isCallersDeadline, requestDeadline, withDeadline } from '@mcp-prod/resilience'
import { callsOf, jsonBody } from '@mcp-prod/rpc'
import { corsAllowlist, hostGuard, securityHeaders } from '@mcp-prod/security'
import type { Shutdown } from '@mcp-prod/shutdown'
import { createToolServer, type ToolCallEvent, toolHandler } from '@mcp-prod/tools'
import express, { type Request } from 'express'
import { createAuth } from './auth.js'
import { toolOf } from './called-tool.js'
import type { Config } from './config.js'
import { name, version } from './identity.js'
import { createLimits, streamLimits } from './limits.js'
import { endpointScopes, hierarchy } from './scopes.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'
import { tools } from './tools/index.js'
import { logTrace } from './tracing.js' // +tracing

export interface AppParts {
  config: Config
  telemetry: Telemetry
  services: Services
  shutdown: Shutdown
}

/** A caller that gave too little time is no fault of the server's, and must not wake anybody. */
function outcomeOf({ outcome, narrowed }: ToolCallEvent) {
  return outcome === 'timeout' && narrowed && isCallersDeadline() ? 'cancelled' : outcome
}

/** The public port: what a request passes, in this order, before a tool runs. */
export function createApp({ config, telemetry, services, shutdown }: AppParts) {
  const { logger, audit, metrics } = telemetry
  const { tracing } = telemetry // +tracing

  function onCall(call: ToolCallEvent) {
    const { tool, durationMs, correlationId } = call
    const outcome = outcomeOf(call)
    metrics.observeTool({ tool, outcome, durationMs })
    // A line that says so is never left out.
    if (outcome !== 'ok') addLogFields({ outcome })
    const decision = outcome === 'denied' ? 'denied' : 'allowed'
    audit({ decision, method: 'tools/call', tool, outcome, durationMs, correlationId })
  }

  /** Tells of the calls of a request that was refused before any of them ran; of a batch in one line, or one would write many. */
  const tellRefused = (decision: 'denied' | 'limited', reason: string) => (req: Request) => {
    const calls = callsOf(req)
    for (const call of calls) {
      const tool = toolOf(call)?.name
      if (tool) metrics.observeTool({ tool, outcome: decision })
    }
    const distinct = (names: (string | undefined)[]) => [...new Set(names)].filter(Boolean).join()
    const method = distinct(calls.map((call) => call.method))
    const tool = distinct(calls.map((call) => call.name))
    if (calls.length > 0) audit({ decision, reason, method, tool, calls: calls.length })
  }

  const onLimited = (req: Request, layer: string) => {
    metrics.observeLimited(layer)
    tellRefused('limited', layer)(req)
  }

  const mcp = toolHandler(
    createToolServer(tools, {
      name,
      version,
      services,
      logger,
      signal: shutdown.signal,
      onCall,
      onAbandoned: metrics.observeAbandoned,
      budget: withDeadline,
      trace: tracing.traceCall, // +tracing
      listOnlyCallable: config.LIST_ONLY_CALLABLE,
    }),
    {
      onError: (error) => logger.debug('refused by the protocol', { error }),
      ...streamLimits,
      onLimited,
    },
  )

  const auth = createAuth(config, logger)
  const limits = createLimits({ config, telemetry, services, onLimited })

  const app = express()
  app.set('trust proxy', config.TRUST_PROXY)
  app.set('query parser', false)
  app.set('etag', false)

  app.use(securityHeaders())
  app.use(tracing.middleware) // +tracing
  app.use(requestLog(logger, { sampleRate: config.ACCESS_LOG_SHARE, slowMs: config.SLOW_REQUEST }))
  app.use(logTrace) // +tracing
  app.use(metrics.middleware)
  app.use(hostGuard({ hosts: config.ALLOWED_HOSTS, origins: config.ALLOWED_ORIGINS }))
  // Behind the guard, or a web page under a foreign name could use up its visitor's own limit.
  app.use(limits.byIp)
  app.use(corsAllowlist(config.ALLOWED_ORIGINS))
  app.use(auth.resource.middleware) // +oauth
  app.all(
    '/mcp',
    limits.overload,
    authenticate(auth.verify, {
      scopes: endpointScopes,
      hierarchy,
      certificates: auth.certificates,
      resourceMetadataUrl: auth.resource.metadataUrl, // +oauth
      onRefused(_req, refusal) {
        addLogFields({ refusal })
        metrics.observeRefused(refusal)
        audit({ decision: 'unauthenticated', reason: refusal })
      },
    }),
    jsonBody({ maxBytes: config.MAX_BODY }),
    requestDeadline({ maxMs: config.REQUEST_TIMEOUT }),
    authorize((call) => toolOf(call)?.scopes ?? [], {
      scopes: endpointScopes,
      resourceMetadataUrl: auth.resource.metadataUrl, // +oauth
      onDenied(req) {
        addLogFields({ refusal: 'scope' })
        metrics.observeRefused('scope')
        tellRefused('denied', 'scope')(req)
      },
    }),
    limits.byPrincipal,
    limits.concurrency,
    mcp.middleware,
  )
  app.use(notFound())
  app.use(recover({ logger }))

  return { app, auth, limits, mcp }
}
