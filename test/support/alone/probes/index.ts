import { authProbe } from './callers.js'
import { ratelimitProbe, recoveryProbe, rpcProbe, securityProbe } from './edge.js'
import { configProbe, redisProbe, resilienceProbe, shutdownProbe, workersProbe } from './life.js'
import { sdkV1Probe, sessionsProbe, toolsProbe } from './mcp.js'
import type { Probe } from './probe.js'
import { healthProbe, loggingProbe, metricsProbe, profilingProbe, tracingProbe } from './seen.js'

/** One for each package: what its README's example must show. */
export const probes: Record<string, Probe> = {
  auth: authProbe,
  config: configProbe,
  health: healthProbe,
  logging: loggingProbe,
  metrics: metricsProbe,
  profiling: profilingProbe,
  ratelimit: ratelimitProbe,
  recovery: recoveryProbe,
  redis: redisProbe,
  resilience: resilienceProbe,
  rpc: rpcProbe,
  'sdk-v1': sdkV1Probe,
  security: securityProbe,
  sessions: sessionsProbe,
  shutdown: shutdownProbe,
  tools: toolsProbe,
  tracing: tracingProbe,
  workers: workersProbe,
}
