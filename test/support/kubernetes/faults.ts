import { allOf, type Manifest, theOf } from './manifests.js'
import { podOf } from './pods.js'

type Change = (manifests: Manifest[]) => void

/** The same, to be spoilt: parts that are there are taken as there. */
// biome-ignore lint/suspicious/noExplicitAny: what is written here is wrong on purpose
const loose = (part: unknown) => part as any

const container = (change: (container: ReturnType<typeof loose>) => void): Change => {
  return (manifests) => change(loose(podOf(manifests).container))
}
const pod = (change: (pod: ReturnType<typeof loose>) => void): Change => {
  return (manifests) => change(loose(podOf(manifests).pod))
}
const spec = (kind: Manifest['kind'], change: (spec: ReturnType<typeof loose>) => void): Change => {
  return (manifests) => change(loose(theOf(manifests, kind)).spec)
}
const policy = (name: string, change: (spec: ReturnType<typeof loose>) => void): Change => {
  return (manifests) =>
    change(
      loose(
        allOf(manifests, 'NetworkPolicy').find(({ metadata }) => metadata?.name === name)?.spec,
      ),
    )
}
const settings = (change: Record<string, string>): Change => {
  return (manifests) => Object.assign(theOf(manifests, 'ConfigMap').data ?? {}, change)
}
const gone = (kind: Manifest['kind']): Change => {
  return (manifests) =>
    manifests.splice(0, Infinity, ...manifests.filter((one) => one.kind !== kind))
}

/** Manifests that somebody might well write, and the rule that refuses each of them. */
export const faults: Record<string, [rule: string, change: Change]> = {
  'one replica': ['D2 replicas', spec('HorizontalPodAutoscaler', (s) => (s.minReplicas = 1))],
  'replicas in the Deployment': ['D2 replicas', spec('Deployment', (s) => (s.replicas = 3))],
  'no autoscaler': ['D2 replicas', gone('HorizontalPodAutoscaler')],
  'replicas on one node': [
    'D2 spread',
    pod((p) => (p.topologySpreadConstraints[0].whenUnsatisfiable = 'ScheduleAnyway')),
  ],
  'nodes that take no pod are counted': [
    'D2 spread',
    pod((p) => delete p.topologySpreadConstraints[0].nodeTaintsPolicy),
  ],
  'no disruption budget': ['D2 disruption budget', gone('PodDisruptionBudget')],
  'a budget for none': [
    'selectors',
    spec('PodDisruptionBudget', (s) => (s.selector.matchLabels = { app: 'my-server' })),
  ],
  'maxUnavailable 1': [
    'D3 rolling update',
    spec('Deployment', (s) => (s.strategy.rollingUpdate.maxUnavailable = 1)),
  ],
  'maxSurge in percent': [
    'D3 rolling update',
    spec('Deployment', (s) => (s.strategy.rollingUpdate.maxSurge = '25%')),
  ],
  Recreate: ['D3 rolling update', spec('Deployment', (s) => (s.strategy = { type: 'Recreate' }))],
  'a deadline below the start': [
    'D3 rolling update',
    spec('Deployment', (s) => (s.progressDeadlineSeconds = 60)),
  ],
  'the usual grace period': [
    'D3 preStop and grace period',
    pod((p) => (p.terminationGracePeriodSeconds = 30)),
  ],
  'no preStop': ['D3 preStop and grace period', container((c) => delete c.lifecycle)],
  'a preStop with a shell': [
    'D3 preStop and grace period',
    container((c) => (c.lifecycle.preStop = { exec: { command: ['sleep', '5'] } })),
  ],
  'settings without a hash': [
    'D3 settings roll the pods',
    (manifests) => {
      loose(theOf(manifests, 'ConfigMap').metadata).name = 'my-server'
      loose(podOf(manifests).container).envFrom[0].configMapRef.name = 'my-server'
    },
  ],
  'liveness by readiness': [
    'D4 liveness',
    container((c) => (c.livenessProbe.httpGet.path = '/ready')),
  ],
  'liveness on the public port': [
    'D4 liveness',
    container((c) => (c.livenessProbe.httpGet.port = 8080)),
  ],
  'hasty liveness': ['D4 liveness', container((c) => (c.livenessProbe.failureThreshold = 3))],
  'no startup probe': ['D4 liveness', container((c) => delete c.startupProbe)],
  'readiness on the public port': [
    'D5 readiness',
    container((c) => (c.readinessProbe.httpGet.port = 'http')),
  ],
  'no readiness': ['D5 readiness', container((c) => delete c.readinessProbe)],
  'traffic to unready pods': [
    'D5 readiness',
    spec('Service', (s) => (s.publishNotReadyAddresses = true)),
  ],
  'no history': ['D6 history', spec('Deployment', (s) => (s.revisionHistoryLimit = 0))],
  'no limit of memory': ['P1 resources', container((c) => delete c.resources.limits.memory)],
  'a limit below the request': [
    'P1 resources',
    container((c) => (c.resources.limits.memory = '128Mi')),
  ],
  root: ['D1 restricted pod', pod((p) => (p.securityContext.runAsUser = 0))],
  'a container as root': ['D1 restricted pod', container((c) => (c.securityContext.runAsUser = 0))],
  'a writable image': [
    'D1 restricted pod',
    container((c) => (c.securityContext.readOnlyRootFilesystem = false)),
  ],
  capabilities: [
    'D1 restricted pod',
    container((c) => (c.securityContext.capabilities.add = ['NET_ADMIN'])),
  ],
  'a token': ['no token', pod((p) => delete p.automountServiceAccountToken)],
  'Services as settings': ['no token', pod((p) => delete p.enableServiceLinks)],
  'a lax namespace': [
    'namespace',
    (manifests) => {
      loose(theOf(manifests, 'Namespace').metadata).labels = {}
    },
  ],
  'the latest image': ['image', container((c) => (c.image = 'registry.example.com/my-server'))],
  'a secret in the environment': [
    'S4 secrets are files',
    container((c) => {
      const secretKeyRef = { name: 'my-server', key: 'API_KEYS' }
      c.env = [{ name: 'API_KEYS', valueFrom: { secretKeyRef } }]
    }),
  ],
  'a secret elsewhere': ['S4 secrets are files', settings({ ADMIN_TOKEN_FILE: '/tmp/token' })],
  'a setting that is none': ['settings exist', settings({ SHUTDOWN_GRACE_MS: '5000' })],
  'metrics in the Service': [
    'only the public port',
    spec('Service', (s) => s.ports.push({ port: 81, targetPort: 'admin' })),
  ],
  'another port in the settings': ['only the public port', settings({ PORT: '3000' })],
  'a Service for the world': [
    'only the public port',
    spec('Service', (s) => (s.type = 'LoadBalancer')),
  ],
  'everybody may in': [
    'nothing in but what is listed',
    policy('my-server', (s) => s.ingress.push({})),
  ],
  'everybody may ask for metrics': [
    'nothing in but what is listed',
    policy('my-server-monitoring', (s) => (s.ingress[0].from = [{ namespaceSelector: {} }])),
  ],
  'the gateway may ask for metrics': [
    'nothing in but what is listed',
    policy('my-server-gateway', (s) => s.ingress[0].ports.push({ port: 8081 })),
  ],
  'metadata of the cloud': [
    'nothing out but what is listed',
    policy('my-server', (s) => delete s.egress[1].to[0].ipBlock.except),
  ],
  'everything may out': [
    'nothing out but what is listed',
    policy('my-server', (s) => s.egress.push({})),
  ],
  'another host': ['gateway', spec('HTTPRoute', (s) => (s.hostnames = ['mcp.example.org']))],
  'streams of 15 seconds': ['gateway', spec('HTTPRoute', (s) => delete s.rules[0].timeouts)],
  'a route to nowhere': [
    'gateway',
    spec('HTTPRoute', (s) => (s.rules[0].backendRefs[0].port = 8081)),
  ],
  'a proxy that is not counted': ['gateway', settings({ TRUST_PROXY: '0' })],
  'metrics of the public port': [
    'monitoring',
    spec('PodMonitor', (s) => (s.podMetricsEndpoints[0].port = 'http')),
  ],
}

/** Annotations of an Ingress that would hurt. */
export const ingressFaults: Record<string, [name: string, value: string]> = {
  buffers: ['proxy-buffering', 'on'],
  'cuts streams': ['proxy-read-timeout', '10'],
  'sends a POST twice': ['proxy-next-upstream', 'error timeout non_idempotent'],
  'refuses bodies in HTML': ['proxy-body-size', '1m'],
}
