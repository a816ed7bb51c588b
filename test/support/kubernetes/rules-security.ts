import { allOf, type Manifest, settingsOf, theOf } from './manifests.js'
import { podOf, type Rule } from './pods.js'

/** As in `512Mi`, `250m` or `1`. */
function quantity(value: unknown): number {
  const [, number, unit = ''] = /^([\d.]+)(m|[KMG]i)?$/.exec(String(value)) ?? []
  const factors: Record<string, number> = { m: 0.001, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }
  return Number(number) * (factors[unit] ?? 1)
}

/** Where files of Secrets are mounted. */
function secretPaths(manifests: readonly Manifest[]): string[] {
  const { pod, container } = podOf(manifests)
  const volumes = pod.volumes?.filter(({ secret }) => secret).map(({ name }) => name)
  const mounts = container.volumeMounts?.filter(({ name }) => volumes?.includes(name)) ?? []
  return mounts.map(({ mountPath }) => mountPath)
}

export const securityRules: Record<string, Rule> = {
  'P1 resources'({ manifests }) {
    const { requests = {}, limits = {} } = podOf(manifests).container.resources ?? {}
    const faults = ['cpu', 'memory'].flatMap((name) => [
      !(quantity(requests[name]) > 0) && `no request of ${name}`,
      !(quantity(limits[name]) >= quantity(requests[name])) && `no limit of ${name}, or below it`,
    ])
    const { NODE_OPTIONS } = settingsOf(manifests)
    return [
      ...faults,
      !(quantity(limits.memory) >= 256 * 2 ** 20) && 'too little memory to serve',
      NODE_OPTIONS?.includes('--max-old-space-size') && 'the heap does not follow the limit',
    ]
  },
  'D1 restricted pod'({ manifests }) {
    const { pod, container } = podOf(manifests)
    const { securityContext: all } = pod
    const { securityContext: own } = container
    return [
      all?.runAsNonRoot !== true && 'may run as root',
      own?.runAsNonRoot === false && 'the container may run as root',
      all?.runAsUser !== 65532 && 'not the user of the image',
      own?.runAsUser !== undefined && 'the container has another user',
      all?.seccompProfile?.type !== 'RuntimeDefault' && 'no seccomp profile',
      own?.allowPrivilegeEscalation !== false && 'may become more than it is',
      own?.privileged && 'privileged',
      own?.readOnlyRootFilesystem !== true && 'may write to its image',
      own?.capabilities?.drop?.join() !== 'ALL' && 'has capabilities',
      own?.capabilities?.add !== undefined && 'takes capabilities back',
      (pod.hostNetwork || pod.hostPID || pod.hostIPC) && 'shares with its node',
      pod.volumes?.some(({ hostPath }) => hostPath) && 'has files of its node',
    ]
  },
  'no token'({ manifests }) {
    const { pod } = podOf(manifests)
    return [
      pod.automountServiceAccountToken !== false && 'the pods get a token',
      pod.enableServiceLinks !== false && 'a Service may change a setting by its name',
      ...allOf(manifests, 'ServiceAccount').flatMap((account) => [
        account.automountServiceAccountToken !== false && 'the account hands out its token',
        account.metadata?.name !== pod.serviceAccountName && 'the pods have another account',
      ]),
    ]
  },
  namespace({ manifests }) {
    const { metadata } = theOf(manifests, 'Namespace')
    const level = metadata?.labels?.['pod-security.kubernetes.io/enforce']
    const elsewhere = manifests.filter(
      ({ kind, metadata: own }) => kind !== 'Namespace' && own?.namespace !== metadata?.name,
    )
    return [
      level !== 'restricted' && 'the namespace lets other pods in',
      ...elsewhere.map(({ kind }) => `a ${kind} in another namespace`),
    ]
  },
  image({ manifests }) {
    const { image = '' } = podOf(manifests).container
    return [!/(?::(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/.test(image) && `image ${image}`]
  },
  'S4 secrets are files'({ manifests, server }) {
    const { container } = podOf(manifests)
    const paths = secretPaths(manifests)
    const files = Object.entries(settingsOf(manifests)).filter(([name]) => name.endsWith('_FILE'))
    return [
      ...server.exposed.map((name) => `${name} stands in the environment`),
      (container.env ?? []).some(({ valueFrom }) => valueFrom?.secretKeyRef) && 'a secret in env',
      (container.envFrom ?? []).some(({ secretRef }) => secretRef) && 'secrets in envFrom',
      manifests.some(({ kind }) => (kind as string) === 'Secret') && 'a secret in the repository',
      container.volumeMounts?.some(({ readOnly }) => !readOnly) && 'a volume that is written to',
      ...files.map(
        ([name, path]) =>
          !paths.some((mount) => path.startsWith(`${mount}/`)) && `${name} is in no Secret`,
      ),
    ]
  },
  'settings exist'({ manifests, server: { names } }) {
    const { env = [] } = podOf(manifests).container
    const used = [...Object.keys(settingsOf(manifests)), ...env.map(({ name }) => name)]
    const known = (name: string) =>
      names.includes(name) || names.includes(name.replace(/_FILE$/, ''))
    return used.map((name) => !known(name) && `the server has no setting ${name}`)
  },
}
