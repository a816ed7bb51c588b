import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { IRole } from 'kubernetes-models/rbac.authorization.k8s.io/v1/Role'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Selection } from '../generators/dist/features.js'
import { postgresServer } from '../templates/+postgres/test/support/postgres-server.js'
import { redisServer } from '../templates/+redis/test/support/redis-server.js'
import { must } from './support/command.js'
import { ask } from './support/faults/ask.js'
import { mcpRequest } from './support/faults/call.js'
import { missing } from './support/faults/components.js'
import type { IPrometheusRule } from './support/kubernetes/crds.js'
import { faults, ingressFaults } from './support/kubernetes/faults.js'
import { cannot } from './support/kubernetes/kubectl.js'
import {
  allOf,
  type Manifest,
  parsed,
  rendered,
  settingsOf,
  theOf,
  writeDeploy,
} from './support/kubernetes/manifests.js'
import { startPod } from './support/kubernetes/pod.js'
import { podOf, selects } from './support/kubernetes/pods.js'
import { faultsOf } from './support/kubernetes/rules.js'
import { schemaFaults } from './support/kubernetes/schema.js'
import { environmentOf, viewOf } from './support/kubernetes/server.js'
import { overlays, prepare, type Variant } from './support/kubernetes/variant.js'
import { checked } from './support/monitoring/rendered.js'
import { emittedBy, namedIn } from './support/monitoring/series.js'
import { endAll } from './support/rolling/child.js'

const noLinters =
  missing('yamllint', ['yamllint', '--version']) ??
  missing('shellcheck', ['shellcheck', '--version'])

const everything: Selection = { auth: 'apikey+jwt', postgres: true, redis: true, tracing: true }
const selections: Record<string, Selection> = {
  default: {},
  everything,
  introspection: { auth: 'introspection', upstream: false },
}
const names = Object.keys(selections)

let scratch: string
const variants = new Map<string, Variant>()
const variant = (name: string) => {
  const found = variants.get(name)
  if (!found) throw new Error(`${name} was not prepared`)
  return found
}
/** The same manifests behind ingress-nginx. */
let behindIngress: Manifest[]

beforeAll(async () => {
  if (cannot) return
  scratch = await mkdtemp(join(tmpdir(), 'kubernetes-'))
  for (const [name, selection] of Object.entries(selections))
    variants.set(name, await prepare(scratch, name, selection))
  const other = await writeDeploy(scratch, everything, {
    'deploy/kubernetes/overlays/production/kustomization.yaml': (text) =>
      text.replace('- ../../components/gateway', '- ../../components/ingress'),
  })
  behindIngress = await rendered(other, 'production')
})
afterAll(async () => {
  await endAll()
  if (scratch) await rm(scratch, { recursive: true, force: true })
})

describe.skipIf(cannot)('the manifests', () => {
  const cases = names.flatMap((name) => overlays.map((overlay) => [name, overlay] as const))
  it.each(cases)('of %s keep every rule in %s', (name, overlay) => {
    const { subjects } = variant(name)
    expect(faultsOf(subjects[overlay], overlay !== 'dev')).toEqual({})
  })

  it('keep every rule behind ingress-nginx', () => {
    expect(allOf(behindIngress, 'Ingress')).toHaveLength(1)
    const { server } = variant('everything').subjects.production
    expect(faultsOf({ manifests: behindIngress, server }, true)).toEqual({})
  })

  it('are objects as Kubernetes knows them, without unknown fields', async () => {
    const all = [...variants.values()].flatMap(({ subjects, canary }) => [
      ...Object.values(subjects).flatMap(({ manifests }) => manifests),
      ...canary,
    ])
    expect(all.length).toBeGreaterThan(80)
    expect(await schemaFaults([...all, ...behindIngress], 'all')).toEqual([])
  })

  it('would not pass with fields and values that Kubernetes does not know', async () => {
    const { deployment } = podOf(variant('default').subjects.production.manifests)
    const spoilt = (change: object) => ({ ...deployment, spec: { ...deployment.spec, ...change } })
    const found = await schemaFaults(
      [
        spoilt({ revisionHistoryLimits: 3 }),
        spoilt({ minReadySeconds: '10' }),
        spoilt({ selector: undefined }),
      ],
      'spoilt',
    )
    for (const field of ['revisionHistoryLimits', 'minReadySeconds', 'selector'])
      expect(found.join('\n')).toContain(field)
  })

  it.each(Object.entries(faults))('would be refused with %s', (_fault, [rule, change]) => {
    const { manifests, server } = structuredClone(variant('everything').subjects.production)
    change(manifests as Manifest[])
    expect(Object.keys(faultsOf({ manifests, server }, true))).toContain(rule)
  })

  it.each(Object.entries(ingressFaults))(
    'would be refused with an Ingress that %s',
    (_is, [note, value]) => {
      const { server } = variant('everything').subjects.production
      const manifests = structuredClone(behindIngress)
      const { annotations = {} } = theOf(manifests, 'Ingress').metadata ?? {}
      annotations[`nginx.ingress.kubernetes.io/${note}`] = value
      expect(Object.keys(faultsOf({ manifests, server }, true))).toEqual(['gateway'])
    },
  )

  it('would be refused with a secret in the environment', async () => {
    const { project, subjects, secrets } = variant('everything')
    const { manifests } = subjects.production
    const { ADMIN_TOKEN_FILE: _, ...others } = settingsOf(manifests)
    const settings = { ...others, ADMIN_TOKEN: '0123456789abcdef' }
    const server = await viewOf(project, await environmentOf(scratch, settings, secrets))
    const { 'S4 secrets are files': found } = faultsOf({ manifests, server }, true)
    expect(found).toEqual(['ADMIN_TOKEN stands in the environment'])
  })

  it.each(names)(
    'of %s read files for the secrets that the server needs, and no others',
    (name) => {
      const { subjects, secrets } = variant(name)
      const { manifests, server } = subjects.production
      const files = Object.keys(settingsOf(manifests)).filter((name) => name.endsWith('_FILE'))
      const needed = Object.keys(secrets).filter((name) => server.names.includes(name))
      expect(files.map((name) => name.replace('_FILE', '')).sort()).toEqual(needed.sort())
    },
  )

  it.skipIf(noLinters).each(names)('of %s and their scripts are what linters take', (name) => {
    const { folder } = variant(name)
    const rules = '{extends: default, rules: {line-length: {max: 130}, document-start: disable}}'
    const yaml = checked('yamllint', ['--strict', '-d', rules, 'deploy/kubernetes'], folder)
    expect(yaml.ok, yaml.said).toBe(true)
    const scripts = ['deploy', 'rollback', 'prometheus-rule'].map((one) => `${one}.sh`)
    const shell = checked('shellcheck', scripts, join(folder, 'deploy/kubernetes'))
    expect(shell.ok, shell.said).toBe(true)
  })
})

describe.skipIf(cannot)('the account for CI', () => {
  it('may do what a deploy needs, and no more', async () => {
    const { folder, subjects, canary } = variant('everything')
    const text = await readFile(join(folder, 'deploy/kubernetes/deployer.yaml'), 'utf8')
    const objects = parsed(text)
    expect(await schemaFaults(objects, 'deployer')).toEqual([])
    const { rules } = objects.find(({ kind }) => (kind as string) === 'Role') as unknown as IRole
    const may = (group: string, resource: string) =>
      (rules ?? [])
        .filter(
          ({ apiGroups, resources }) => apiGroups?.includes(group) && resources?.includes(resource),
        )
        .flatMap(({ verbs }) => verbs)
    const applied = [...subjects.production.manifests, ...behindIngress, ...canary]
    for (const { apiVersion, kind } of applied) {
      const group = apiVersion.includes('/') ? apiVersion.replace(/\/.*/, '') : ''
      const resource = kind === 'NetworkPolicy' ? 'networkpolicies' : `${kind.toLowerCase()}s`
      const verbs = may(group, kind === 'Ingress' ? 'ingresses' : resource)
      const needed = kind === 'Namespace' ? ['get'] : ['get', 'create', 'patch']
      expect(verbs, kind).toEqual(expect.arrayContaining(needed))
    }
    expect(may('apps', 'replicasets')).toContain('list')
    expect(may('', 'secrets')).toEqual([])
    expect(text).not.toMatch(/'\*'|delete|escalate|bind\b/)
  })
})

describe.skipIf(cannot)('the canary', () => {
  it('is a pod of production with another image, behind the same Service', () => {
    const { canary, subjects } = variant('everything')
    const { manifests } = subjects.production
    expect(canary.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment'])
    const [stable, next] = [podOf(manifests), podOf(canary)]
    expect(next.deployment.metadata?.name).toBe('my-server-canary')
    expect(next.deployment.spec?.replicas).toBe(1)
    expect(next.deployment.metadata?.namespace).toBe(stable.deployment.metadata?.namespace)
    expect({ ...next.container, image: '' }).toEqual({ ...stable.container, image: '' })
    expect({ ...next.pod, containers: [] }).toEqual({ ...stable.pod, containers: [] })
    expect(next.container.image).not.toBe(stable.container.image)

    const isCanary = (matchLabels?: Record<string, string>) => selects(matchLabels, next.labels)
    expect(isCanary(next.deployment.spec?.selector.matchLabels)).toBe(true)
    expect(isCanary(theOf(manifests, 'Service').spec?.selector)).toBe(true)
    for (const { spec } of allOf(manifests, 'NetworkPolicy'))
      expect(isCanary(spec?.podSelector?.matchLabels)).toBe(true)
    // Neither counted by the budget, nor by the autoscaler, which counts what the Deployment selects.
    expect(isCanary(stable.deployment.spec?.selector.matchLabels)).toBe(false)
    const budget = theOf(manifests, 'PodDisruptionBudget').spec?.selector?.matchLabels
    expect(isCanary(budget)).toBe(false)
  })
})

describe.skipIf(cannot)('a pod', () => {
  it('answers probes and the route, and ends within its grace period', async () => {
    const { project, subjects } = variant('default')
    const { manifests } = subjects.production
    const { pod, container } = podOf(manifests)
    const server = await startPod(scratch, variant('default'))
    expect(await server.probe('startupProbe')).toBe(200)
    expect(await server.probe('livenessProbe')).toBe(200)

    const { hostnames, rules } = theOf(manifests, 'HTTPRoute').spec
    const [host = '', path] = [hostnames?.[0], rules[0]?.matches?.[0]?.path.value]
    const call = (seconds: number, name = host) => {
      const { headers, body } = mcpRequest(project.key, 'tools/call', {
        name: 'countdown',
        arguments: { seconds },
      })
      return ask(server.at('http', path), {
        method: 'POST',
        headers: { ...headers, Host: name },
        body,
      })
    }
    expect((await call(1)).status).toBe(200)
    expect((await call(1, 'other.example.com')).status).toBe(403)
    expect((await ask(server.at('http', '/metrics'), { headers: { Host: host } })).status).toBe(404)

    const inFlight = call(10)
    await sleep(500)
    const from = performance.now()
    server.process.kill('SIGTERM')
    const isOpen = () =>
      ask(server.at('http', path)).then(
        () => true,
        () => false,
      )
    await expect.poll(isOpen, { interval: 200, timeout: 9_000 }).toBe(false)
    // The grace is over, the call is not: nothing comes in, and nothing restarts it.
    expect(await server.probe('readinessProbe')).toBe(503)
    expect(await server.probe('livenessProbe')).toBe(200)
    await expect(call(1)).rejects.toThrow('ECONNREFUSED')
    expect(await inFlight).toMatchObject({
      status: 200,
      text: expect.stringContaining('"waitedSeconds":10'),
    })
    expect(await server.exited).toBe(0)
    const seconds = (performance.now() - from) / 1000
    const { terminationGracePeriodSeconds = 0 } = pod
    const preStop = container.lifecycle?.preStop?.sleep?.seconds ?? 0
    expect(seconds).toBeLessThan(terminationGracePeriodSeconds - preStop)
  })

  it('emits every series that the autoscaler, the adapter and the rules name', async (test) => {
    const [postgres, redis] = [await postgresServer(), await redisServer()]
    try {
      if (!postgres || !redis) return test.skip()
      const { folder, subjects } = variant('everything')
      const { manifests } = subjects.production
      const urls = { DATABASE_URL: `${postgres.url}\n`, REDIS_URL: `${redis.url}\n` }
      const server = await startPod(scratch, variant('everything'), urls)
      const [endpoint] = theOf(manifests, 'PodMonitor').spec.podMetricsEndpoints
      const { text } = await ask(server.at(endpoint?.port, endpoint?.path))
      const { names, histograms } = emittedBy(text)

      const { metrics = [] } = theOf(manifests, 'HorizontalPodAutoscaler').spec ?? {}
      const scaledBy = metrics.flatMap(({ pods }) => pods?.metric.name ?? [])
      expect(scaledBy).toHaveLength(1)
      const adapter = parse(
        await readFile(
          join(folder, 'deploy/kubernetes/components/calls-in-flight/prometheus-adapter.yaml'),
          'utf8',
        ),
      ) as { rules: { custom: { seriesQuery: string; name: { as: string } }[] } }
      expect(adapter.rules.custom.map(({ name }) => name.as)).toEqual(scaledBy)
      const { spec } = parse(
        await must('sh', ['deploy/kubernetes/prometheus-rule.sh'], folder),
      ) as IPrometheusRule
      const texts = [
        ...scaledBy,
        ...adapter.rules.custom.map(({ seriesQuery }) => seriesQuery),
        ...spec.groups.flatMap(({ rules }) => rules.map(({ expr }) => expr)),
      ]
      const used = new Set(texts.flatMap((one) => [...namedIn(one, histograms)]))
      expect(used.size).toBeGreaterThan(25)
      // A container has a limit of memory, and this machine may have none; a replica of one CPU has no workers.
      const elsewhere = /^mcp_(memory_limit_bytes|worker(s|s_ready|_restarts_total))$/
      expect([...used].filter((name) => !names.has(name) && !elsewhere.test(name))).toEqual([])
    } finally {
      await endAll()
      await Promise.all([postgres?.close(), redis?.close()])
    }
  })
})

describe.skipIf(cannot)('the alerts', () => {
  it('make one PrometheusRule of the alerts, word for word', async () => {
    for (const { folder } of variants.values()) {
      const text = await must('npm', ['run', '--silent', 'prometheus-rule'], folder)
      const rule = parse(text) as IPrometheusRule
      const alerts = await readFile(join(folder, 'deploy/prometheus/alerts.yml'), 'utf8')
      expect(rule.spec).toEqual(parse(alerts))
      if (folder === variant('everything').folder)
        expect(await schemaFaults([rule], 'rule')).toEqual([])
    }
  })
})
