import {
  context,
  createContextKey,
  diag,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  trace,
} from '@opentelemetry/api'
import type { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

/**
 * Makes the provider that of the whole process, for instrumentations to use, with a context that follows what is awaited and
 * the formats of W3C. What an SDK set up before us stays; our own spans go our way all the same.
 */
export function registerGlobally(provider: NodeTracerProvider): void {
  provider.register({
    ...(followsContext() && { contextManager: null }),
    ...(propagation.fields().length > 0 && { propagator: null }),
  })
}

/** What is still under way keeps its context. */
export function unregister(provider: NodeTracerProvider): void {
  const global = trace.getTracerProvider()
  if (!(global instanceof ProxyTracerProvider) || global.getDelegate() !== provider) return
  trace.disable()
  diag.disable()
}

function followsContext(): boolean {
  const key = createContextKey('probe')
  return context.with(
    ROOT_CONTEXT.setValue(key, true),
    () => context.active().getValue(key) === true,
  )
}
