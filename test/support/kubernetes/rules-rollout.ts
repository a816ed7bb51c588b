import { allOf, type Manifest, theOf } from './manifests.js'
import { podOf, type Rule, selects } from './pods.js'

interface Probe {
  httpGet?: { path?: string; port: unknown; scheme?: string }
  periodSeconds?: number
  timeoutSeconds?: number
  failureThreshold?: number
  initialDelaySeconds?: number
}

/** Seconds until a probe that always fails has its effect. */
const windowOf = ({ periodSeconds = 10, failureThreshold = 3 }: Probe = {}) =>
  periodSeconds * failureThreshold

/** What is wrong with a probe that should ask `path` on the private port. */
function probeFaults(
  manifests: readonly Manifest[],
  name: string,
  probe: Probe = {},
  path: string,
) {
  const { container } = podOf(manifests)
  const { httpGet } = probe
  const port = container.ports?.find(({ name, containerPort }) =>
    [name, containerPort].includes(httpGet?.port as string | number),
  )
  return [
    httpGet?.path !== path && `${name} asks ${httpGet?.path} in place of ${path}`,
    port?.name !== 'admin' && `${name} does not ask the private port`,
    (probe.timeoutSeconds ?? 1) < 2 && `${name} gives up after a second, or at once`,
  ]
}

const seconds = (value: unknown) => Number(value) / 1000

export const rolloutRules: Record<string, Rule> = {
  'D2 replicas'({ manifests }) {
    const { deployment } = podOf(manifests)
    const { spec } = theOf(manifests, 'HorizontalPodAutoscaler')
    const { scaleTargetRef, minReplicas = 1, maxReplicas, metrics = [] } = spec ?? {}
    const cpu = metrics.find(({ resource }) => resource?.name === 'cpu')?.resource?.target
    return [
      deployment.spec?.replicas !== undefined && 'a deploy would reset what the autoscaler did',
      scaleTargetRef?.name !== deployment.metadata?.name && 'the autoscaler scales something else',
      minReplicas < 2 && 'fewer than two replicas',
      (maxReplicas ?? 0) <= minReplicas && 'no room to grow',
      !((cpu?.averageUtilization ?? 100) < 90) && 'it grows when it is too late',
      (spec?.behavior?.scaleDown?.stabilizationWindowSeconds ?? 0) < 60 && 'it shrinks in a lull',
    ]
  },
  'D2 spread'({ manifests }) {
    const { pod, labels } = podOf(manifests)
    const spread = (topology: string) =>
      pod.topologySpreadConstraints?.find(
        ({ topologyKey, maxSkew, labelSelector }) =>
          topologyKey === topology && maxSkew === 1 && selects(labelSelector?.matchLabels, labels),
      )
    return [
      spread('kubernetes.io/hostname')?.whenUnsatisfiable !== 'DoNotSchedule' &&
        'one node may have all replicas',
      spread('kubernetes.io/hostname')?.nodeTaintsPolicy !== 'Honor' &&
        'a node that takes no pod keeps the others at one each',
      !spread('topology.kubernetes.io/zone') && 'zones are not looked at',
    ]
  },
  'D2 disruption budget'({ manifests }) {
    const { spec } = theOf(manifests, 'PodDisruptionBudget')
    return [
      spec?.maxUnavailable !== 1 && 'not one replica at a time',
      spec?.unhealthyPodEvictionPolicy !== 'AlwaysAllow' && 'a broken pod blocks its node',
    ]
  },
  'D3 rolling update'({ manifests, server }) {
    const { deployment, container } = podOf(manifests)
    const { strategy, minReadySeconds = 0, progressDeadlineSeconds = 600 } = deployment.spec ?? {}
    const { maxUnavailable, maxSurge } = strategy?.rollingUpdate ?? {}
    const start = windowOf(container.startupProbe) + minReadySeconds
    return [
      strategy?.type !== 'RollingUpdate' && 'no rolling update',
      maxUnavailable !== 0 && 'a replica is taken away before its successor serves',
      maxSurge !== 1 && 'not one by one',
      minReadySeconds < 5 && 'a pod that dies at once counts as well',
      progressDeadlineSeconds < start + 60 && 'a slow start counts as a failed deploy',
      seconds(server.config.REQUEST_TIMEOUT) > seconds(server.config.SHUTDOWN_DRAIN) &&
        'a deploy cuts off the longest calls',
    ]
  },
  'D3 preStop and grace period'({ manifests, server: { config } }) {
    const { pod, container } = podOf(manifests)
    const { preStop } = container.lifecycle ?? {}
    const sleep = preStop?.sleep?.seconds ?? 0
    const drain = seconds(config.SHUTDOWN_GRACE) + seconds(config.SHUTDOWN_DRAIN) + 5
    return [
      preStop?.exec !== undefined && 'the image has no shell',
      sleep < 3 && 'SIGTERM comes before proxies have heard that the pod goes',
      !((pod.terminationGracePeriodSeconds ?? 30) > sleep + drain) && 'a drain is cut off',
    ]
  },
  'D3 settings roll the pods'({ manifests }) {
    const { container } = podOf(manifests)
    const names = (container.envFrom ?? []).map(({ configMapRef }) => configMapRef?.name)
    const { metadata } = theOf(manifests, 'ConfigMap')
    return [
      names.length !== 1 && 'not one source of settings',
      names[0] !== metadata?.name && 'the pods get other settings than those that are here',
      !/^my-server-[a-z0-9]{10}$/.test(metadata?.name ?? '') &&
        'no hash in the name of the settings',
    ]
  },
  'D4 liveness'({ manifests, server: { config } }) {
    const { startupProbe, livenessProbe } = podOf(manifests).container
    return [
      ...probeFaults(manifests, 'the liveness probe', livenessProbe, '/health'),
      ...probeFaults(manifests, 'the startup probe', startupProbe, '/startup'),
      !(windowOf(livenessProbe) > seconds(config.EVENT_LOOP_KILL)) &&
        'a hung process is killed before it says where',
      !(windowOf(startupProbe) > seconds(config.STARTUP_TIMEOUT)) &&
        'a start is killed before it says what was missing',
    ]
  },
  'D5 readiness'({ manifests }) {
    const { container } = podOf(manifests)
    const services = allOf(manifests, 'Service')
    return [
      ...probeFaults(manifests, 'the readiness probe', container.readinessProbe, '/ready'),
      windowOf(container.readinessProbe) > 15 && 'traffic goes on to a pod that is not ready',
      ...services.map(({ spec }) => spec?.publishNotReadyAddresses && 'traffic to unready pods'),
    ]
  },
  'D6 history'({ manifests }) {
    const { revisionHistoryLimit = 10 } = podOf(manifests).deployment.spec ?? {}
    return [revisionHistoryLimit < 3 && 'hardly anything to go back to']
  },
}
