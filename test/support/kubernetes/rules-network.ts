import { BlockList } from 'node:net'
import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import type { IHTTPRoute } from './crds.js'
import { allOf, type Manifest, settingsOf, theOf } from './manifests.js'
import { podOf, type Rule } from './pods.js'

/** Where clouds answer with credentials. */
const METADATA = [
  '169.254.169.254',
  '169.254.170.2',
  '100.100.100.200',
  '168.63.129.16',
  'fd00:ec2::254',
]
/** What a stream is never silent for, in seconds. */
const KEEP_ALIVE = 15
const NGINX = 'nginx.ingress.kubernetes.io'

interface Block {
  cidr: string
  except?: string[]
}

function holds({ cidr, except = [] }: Block, address: string): boolean {
  const family = address.includes(':') ? 'ipv6' : 'ipv4'
  const isIn = (network: string) => {
    const [start = '', bits] = network.split('/')
    if (start.includes(':') !== address.includes(':')) return false
    const list = new BlockList()
    list.addSubnet(start, Number(bits), family)
    return list.check(address, family)
  }
  return isIn(cidr) && !except.some(isIn)
}

const policiesOf = (manifests: readonly Manifest[]) =>
  allOf(manifests, 'NetworkPolicy').flatMap(({ spec }) => (spec ? [spec] : []))

/** The port of the Service, by number or name, that leads to the public port of the pods. */
function leadsToPublic(manifests: readonly Manifest[], name: unknown, port: unknown): boolean {
  const { metadata, spec } = theOf(manifests, 'Service')
  const found = spec?.ports?.find((one) => one.port === port || one.name === port)
  return metadata?.name === name && found?.targetPort === 'http'
}

function strangers(manifests: readonly Manifest[], hosts: readonly string[]) {
  const allowed = settingsOf(manifests).ALLOWED_HOSTS?.split(',') ?? []
  return hosts.filter((host) => !allowed.includes(host)).map((host) => `${host} is not allowed`)
}

function routeFaults(manifests: readonly Manifest[], { spec }: IHTTPRoute) {
  return [
    ...strangers(manifests, spec.hostnames ?? ['*']),
    ...spec.rules.flatMap(({ timeouts, backendRefs }) => [
      (timeouts?.request !== '0s' || timeouts.backendRequest !== '0s') && 'streams are cut',
      !backendRefs.every(({ name, port }) => leadsToPublic(manifests, name, port)) && 'no backend',
    ]),
  ]
}

function ingressFaults(manifests: readonly Manifest[], ingress: IIngress, maxBody: unknown) {
  const { rules = [], tls = [] } = ingress.spec ?? {}
  const note = (name: string) => ingress.metadata?.annotations?.[`${NGINX}/${name}`] ?? ''
  const backends = rules.flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend))
  const hosts = [...rules.map(({ host = '*' }) => host), ...tls.flatMap(({ hosts = [] }) => hosts)]
  const bodyBytes = Number.parseInt(note('proxy-body-size'), 10) * 2 ** 20
  return [
    ...strangers(manifests, hosts),
    tls.length === 0 && 'no TLS',
    note('proxy-buffering') !== 'off' && 'events wait in a buffer',
    !(Number(note('proxy-read-timeout')) > 2 * KEEP_ALIVE) && 'streams are cut',
    note('proxy-next-upstream').includes('non_idempotent') && 'a POST may be sent twice',
    !(bodyBytes > Number(maxBody)) && 'bodies are refused in HTML',
    ...backends.map(
      ({ service }) =>
        !leadsToPublic(manifests, service?.name, service?.port?.name) && 'no backend',
    ),
  ]
}

export const networkRules: Record<string, Rule> = {
  'only the public port'({ manifests }) {
    const { container } = podOf(manifests)
    const { PORT, ADMIN_PORT } = settingsOf(manifests)
    const { type, ports = [] } = theOf(manifests, 'Service').spec ?? {}
    const number = (wanted: string) =>
      String(container.ports?.find(({ name }) => name === wanted)?.containerPort)
    return [
      number('http') !== PORT && 'the public port is another one',
      number('admin') !== ADMIN_PORT && 'the private port is another one',
      ports.map(({ targetPort }) => targetPort).join() !== 'http' && 'the Service has other ports',
      type !== 'ClusterIP' && 'the Service is open to the world',
    ]
  },
  'nothing in but what is listed'({ manifests }) {
    const policies = policiesOf(manifests)
    const { PORT, ADMIN_PORT } = settingsOf(manifests)
    const rules = policies.flatMap(({ ingress = [] }) => ingress)
    return [
      !policies.some(({ policyTypes }) => policyTypes?.includes('Ingress')) && 'everything may in',
      ...rules.flatMap(({ from = [], ports = [] }) => {
        const namespaces = from.map(
          ({ namespaceSelector }) =>
            namespaceSelector?.matchLabels?.['kubernetes.io/metadata.name'],
        )
        const open = from.length === 0 || ports.length === 0 || namespaces.includes(undefined)
        const isPrivate = ports.some(({ port }) => String(port) !== PORT)
        return [
          open && 'a rule without a namespace or a port',
          isPrivate && ports.some(({ port }) => String(port) !== ADMIN_PORT) && 'an unknown port',
          isPrivate && namespaces.join() !== 'monitoring' && 'the private port is open to others',
        ]
      }),
    ]
  },
  'nothing out but what is listed'({ manifests, server: { names } }) {
    const policies = policiesOf(manifests)
    const rules = policies.flatMap(({ egress = [] }) => egress)
    const ports = rules.flatMap(({ ports = [] }) => ports.map(({ port }) => port))
    const expected = [53, 53, 443]
    if (names.includes('DATABASE_URL')) expected.push(5432)
    if (names.includes('REDIS_URL')) expected.push(6379)
    if (names.includes('OTEL_EXPORTER_OTLP_ENDPOINT')) expected.push(4318)
    const blocks = rules.flatMap(({ to = [] }) => to.flatMap(({ ipBlock }) => ipBlock ?? []))
    return [
      !policies.some(({ policyTypes }) => policyTypes?.includes('Egress')) && 'everything may out',
      ports.join() !== expected.join() && `ports ${ports} in place of ${expected}`,
      ...rules.map(({ to = [] }) => to.length === 0 && 'a rule to everywhere'),
      ...METADATA.map(
        (address) => blocks.some((block) => holds(block, address)) && `${address} is open`,
      ),
      !blocks.some((block) => holds(block, '1.1.1.1')) && 'no way to the internet',
    ]
  },
  gateway({ manifests, server: { config } }) {
    const routes = allOf(manifests, 'HTTPRoute')
    const ingresses = allOf(manifests, 'Ingress')
    const found = routes.length + ingresses.length
    return [
      ...routes.flatMap((route) => routeFaults(manifests, route)),
      ...ingresses.flatMap((ingress) => ingressFaults(manifests, ingress, config.MAX_BODY)),
      found !== 1 && `${found} ways in`,
      settingsOf(manifests).TRUST_PROXY !== '1' && 'not one proxy is trusted',
    ]
  },
  monitoring({ manifests }) {
    const { container } = podOf(manifests)
    const endpoints = theOf(manifests, 'PodMonitor').spec.podMetricsEndpoints
    return endpoints.flatMap(({ port, path }) => [
      path !== '/metrics' && `metrics from ${path}`,
      (port !== 'admin' || !container.ports?.some(({ name }) => name === port)) &&
        'metrics from another port',
    ])
  },
}
