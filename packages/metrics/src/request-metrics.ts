import { eraOf } from '@mcp-prod/rpc'
import type { Request, RequestHandler, Response } from 'express'
import { Gauge, type Registry } from 'prom-client'
import { connections } from './connections.js'
import type { ExemplarLabels } from './exemplars.js'
import { hotCounter, hotHistogram } from './hot-series.js'
import { methodLabels, statusLabel } from './labels.js'
import { readMetric } from './read-metric.js'

interface RequestMetricsOptions {
  methods: readonly string[]
  buckets: number[]
  exemplar: () => ExemplarLabels
}

/** What an alert divides by all requests: from 0, so that the first of them already is an increase. */
const FAILURES = ['500', '503']
const FAILING = [
  'tools/call',
  'tools/list',
  'prompts/get',
  'resources/read',
  'server/discover',
  'initialize',
  'batch',
  'none',
]

/** Counts and times requests, by the method that their body names. */
export function requestMetrics(registry: Registry, options: RequestMetricsOptions): RequestHandler {
  const { methods, buckets, exemplar } = options
  const methodOf = methodLabels(methods)
  const { countRequest, countEra, observeDuration } = series(registry, buckets)
  const sockets = connections()
  byteMetrics(registry, sockets.bytes)
  let inFlight = 0
  new Gauge({
    name: 'mcp_requests_in_flight',
    help: 'Requests whose answer has not ended, subscription streams included.',
    registers: [registry],
    collect() {
      this.set(inFlight)
    },
  })

  return function metricsMiddleware(req, res, next) {
    const started = performance.now()
    // Only now the trace is that of this request; the end of the answer belongs to nobody.
    const exemplarLabels = exemplar()
    let ended = false
    inFlight++
    function onEnd(): void {
      if (ended) return
      ended = true
      stopWaiting?.()
      inFlight--
      const method = methodOf(req)
      countRequest(method, statusLabel(res))
      countEra(method === 'none' ? 'none' : eraOf(req))
      if (method === 'subscriptions/listen' || isStreamOfGet(req, res)) return
      observeDuration(method, (performance.now() - started) / 1000, exemplarLabels)
    }
    let stopWaiting: (() => void) | undefined
    // Not 'finish': it never comes when the client goes away. One that went before now sends no 'close' any more.
    if (res.closed) onEnd()
    else {
      res.on('close', onEnd)
      stopWaiting = sockets.wait(req.socket, onEnd)
    }
    next()
  }
}

function isStreamOfGet(req: Request, res: Response): boolean {
  if (req.method !== 'GET') return false
  return String(res.getHeader('content-type')).startsWith('text/event-stream')
}

function series(registry: Registry, buckets: number[]) {
  const countRequest = hotCounter(registry, {
    name: 'mcp_requests_total',
    help: 'HTTP requests by JSON-RPC method and HTTP status; 499 when the answer did not reach its end.',
    labelNames: ['method', 'status'],
  })
  const countEra = hotCounter(registry, {
    name: 'mcp_requests_by_era_total',
    help: 'HTTP requests by the era of the protocol that they claim; none when no body was read.',
    labelNames: ['era'],
  })
  const observeDuration = hotHistogram(registry, {
    name: 'mcp_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer; subscription streams left out.',
    labelNames: ['method'],
    buckets,
  })
  for (const method of FAILING) for (const status of FAILURES) countRequest.from0(method, status)
  for (const era of ['modern', 'legacy', 'none']) countEra.from0(era)
  return { countRequest, countEra, observeDuration }
}

function byteMetrics(registry: Registry, bytes: () => { read: number; written: number }): void {
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_request_bytes_total',
    help: 'Bytes that came on connections with requests, heads included, TLS not.',
    read: () => [{ value: bytes().read }],
  })
  readMetric(registry, {
    kind: 'counter',
    name: 'mcp_response_bytes_total',
    help: 'Bytes that were sent on connections with requests, heads included, TLS not.',
    read: () => [{ value: bytes().written }],
  })
}
