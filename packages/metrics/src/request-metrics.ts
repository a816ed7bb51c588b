import type { Request, RequestHandler, Response } from 'express'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { methodLabels, statusLabel } from './labels.js'

/** Counts and times requests, by the method that their body names. */
export function requestMetrics(
  registry: Registry,
  extraMethods: readonly string[],
  buckets: number[],
): RequestHandler {
  const registers = [registry]
  const methodOf = methodLabels(extraMethods)
  const requests = new Counter({
    name: 'mcp_requests_total',
    help: 'HTTP requests by JSON-RPC method and HTTP status; 499 when the answer did not reach its end.',
    labelNames: ['method', 'status'],
    registers,
  })
  const durations = new Histogram({
    name: 'mcp_request_duration_seconds',
    help: 'Time from the arrival of a request to the end of its answer; subscription streams left out.',
    labelNames: ['method'],
    buckets,
    registers,
  })
  let inFlight = 0
  new Gauge({
    name: 'mcp_requests_in_flight',
    help: 'Requests whose answer has not ended, subscription streams included.',
    registers,
    collect() {
      this.set(inFlight)
    },
  })

  return function metricsMiddleware(req, res, next) {
    const started = performance.now()
    inFlight++
    function onClose(): void {
      inFlight--
      const method = methodOf(req)
      requests.inc({ method, status: statusLabel(res) })
      if (method === 'subscriptions/listen' || isStreamOfGet(req, res)) return
      durations.observe({ method }, (performance.now() - started) / 1000)
    }
    // Not 'finish': it never comes when the client goes away. One that went before now sends no 'close' any more.
    if (res.closed) onClose()
    else res.once('close', onClose)
    next()
  }
}

function isStreamOfGet(req: Request, res: Response): boolean {
  if (req.method !== 'GET') return false
  return String(res.getHeader('content-type')).startsWith('text/event-stream')
}
