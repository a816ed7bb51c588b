import { authenticate, authorize } from '@mcp-prod/auth'
import { addLogFields, requestLog } from '@mcp-prod/logging'
import { notFound, recover } from '@mcp-prod/recovery'
import { isCallersDeadline, requestDeadline, withDeadline } from '@mcp-prod/resilience'
import { callsOf, jsonBody } from '@mcp-prod/rpc'
import { corsAllowlist, hostGuard, securityHeaders } from '@mcp-prod/security'
import type { Shutdown } from '@mcp-prod/shutdown'
import { askedIn, type RequestEvent } from '@mcp-prod/tools'
import express, { type Request, type RequestHandler } from 'express'
import { createAuth } from './auth.js'
import type { Config } from './config.js'
import { definitions } from './definitions.js'
import { createEvents } from './events.js'
import { name, version } from './identity.js'
import { createLimits, streamLimits } from './limits.js'
import { prompts } from './prompts/index.js'
import { createToolServer, toolHandler } from './protocol.js'
import { resources } from './resources/index.js'
import { endpointScopes, hierarchy } from './scopes.js'
import type { Services } from './services.js'
import type { Telemetry } from './telemetry.js'
import { tools } from './tools/index.js'

export interface AppParts {
  config: Config
  telemetry: Telemetry
  services: Services
  shutdown: Shutdown
  /** What the platform asks, where it has no private port for that. */
  probes?: RequestHandler
}

/** A caller that gave too little time is no fault of the server's, and must not wake anybody. */
function outcomeOf({ outcome, narrowed }: RequestEvent) {
  return outcome === 'timeout' && narrowed && isCallersDeadline() ? 'cancelled' : outcome
}

/** How the audit names what a call was about: a tool, or else the URI of a resource or the name of a prompt. */
function subjectOf(method: string, asked: string) {
  return method === 'tools/call' ? { tool: asked } : { target: asked }
}

/** The public port: what a request passes, in this order, before a tool runs. */
export function createApp({ config, telemetry, services, shutdown, probes }: AppParts) {
  const { logger, audit, metrics } = telemetry

  function onRequest(event: RequestEvent) {
    const { method, name: target, asked, durationMs, correlationId } = event
    const outcome = outcomeOf(event)
    metrics.observeRequest({ method, name: target, outcome, durationMs })
    // A line that says so is never left out.
    if (outcome !== 'ok') addLogFields({ outcome })
    const decision = outcome === 'denied' ? 'denied' : 'allowed'
    audit({ decision, method, ...subjectOf(method, asked), outcome, durationMs, correlationId })
  }

  /** Tells of the calls of a request that was refused before any of them ran; of a batch in one line, or one would write many. */
  const tellRefused = (decision: 'denied' | 'limited', reason: string) => (req: Request) => {
    const calls = callsOf(req)
    for (const call of calls) {
      const name = definitions.nameOf(call)
      if (name) metrics.observeRequest({ method: call.method, name, outcome: decision })
    }
    const distinct = (names: string[]) => [...new Set(names)].filter(Boolean).join()
    const method = distinct(calls.map((call) => call.method))
    const subject = subjectOf(method, distinct(calls.flatMap(askedIn)))
    if (calls.length > 0) audit({ decision, reason, method, ...subject, calls: calls.length })
  }

  /** A stream of changes ends when it likes, so its line says that it was opened. */
  function onOpened(req: Request) {
    const [call] = callsOf(req)
    if (!call) return
    audit({ decision: 'allowed', method: call.method, target: askedIn(call).join(), outcome: 'ok' })
  }

  const onLimited = (req: Request, layer: string) => {
    metrics.observeLimited(layer)
    tellRefused('limited', layer)(req)
  }

  const events = createEvents({ telemetry, services, watched: () => server.watched.uris() })
  const server = createToolServer(tools, {
    name,
    version,
    resources,
    prompts,
    services,
    logger,
    signal: shutdown.signal,
    onRequest,
    onAbandoned: metrics.observeAbandoned,
    budget: withDeadline,
    listOnlyCallable: config.LIST_ONLY_CALLABLE,
    requestStateKeys: config.REQUEST_STATE_KEYS,
    bus: events.bus,
  })
  const onError = (error: Error) => logger.debug('refused by the protocol', { error })
  const mcp = toolHandler(server, { onError, ...streamLimits(config), onOpened, onLimited })

  const auth = createAuth(config, logger)
  const limits = createLimits({ config, telemetry, services, onLimited })

  const app = express()
  app.set('trust proxy', config.TRUST_PROXY)
  app.set('query parser', false)
  app.set('etag', false)

  app.use(securityHeaders())
  // Before the guard of names: a platform asks by whatever name or address it likes.
  if (probes) app.use(probes)
  app.use(requestLog(logger, { sampleRate: config.ACCESS_LOG_SHARE, slowMs: config.SLOW_REQUEST }))
  app.use(metrics.middleware)
  app.use(hostGuard({ hosts: config.ALLOWED_HOSTS, origins: config.ALLOWED_ORIGINS }))
  // Behind the guard, or a web page under a foreign name could use up its visitor's own limit.
  app.use(limits.byIp)
  app.use(corsAllowlist(config.ALLOWED_ORIGINS))
  app.all(
    '/mcp',
    limits.overload,
    authenticate(auth.verify, {
      scopes: endpointScopes,
      hierarchy,
      certificates: auth.certificates,
      onRefused(_req, refusal) {
        addLogFields({ refusal })
        metrics.observeRefused(refusal)
        audit({ decision: 'unauthenticated', reason: refusal })
      },
    }),
    jsonBody({ maxBytes: config.MAX_BODY }),
    requestDeadline({ maxMs: config.REQUEST_TIMEOUT }),
    authorize(definitions.scopesOf, {
      scopes: endpointScopes,
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

  /** Ends what stays open between calls, once no call is under way. */
  async function endStreams() {
    await mcp.close()
    await events.close()
  }
  const checks = { ...limits.checks, ...auth.checks, ...events.checks }
  const subscriptions = () => mcp.subscriptions
  return { app, auth, checks, subscriptions, endStreams, close: limits.close }
}
