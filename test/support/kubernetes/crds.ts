// What the manifests use of kinds that are no part of Kubernetes itself, as their own definitions have it.

interface Metadata {
  name: string
  namespace?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

interface Selector {
  matchLabels: Record<string, string>
}

/** Gateway API v1. */
export interface IHTTPRoute {
  apiVersion: 'gateway.networking.k8s.io/v1'
  kind: 'HTTPRoute'
  metadata: Metadata
  spec: {
    parentRefs: { name: string; namespace?: string; sectionName?: string }[]
    hostnames?: string[]
    rules: {
      matches?: { path: { type: 'Exact' | 'PathPrefix'; value: string } }[]
      timeouts?: { request?: string; backendRequest?: string }
      backendRefs: { name: string; port: number }[]
    }[]
  }
}

/** Prometheus Operator. */
export interface IPodMonitor {
  apiVersion: 'monitoring.coreos.com/v1'
  kind: 'PodMonitor'
  metadata: Metadata
  spec: {
    selector: Selector
    podMetricsEndpoints: {
      port: string
      path?: string
      interval?: string
      scrapeTimeout?: string
    }[]
  }
}

interface Rule {
  record?: string
  alert?: string
  expr: string
  for?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
}

/** Prometheus Operator. */
export interface IPrometheusRule {
  apiVersion: 'monitoring.coreos.com/v1'
  kind: 'PrometheusRule'
  metadata: Metadata
  spec: { groups: { name: string; interval?: string; rules: Rule[] }[] }
}
