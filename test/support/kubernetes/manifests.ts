import { mkdir, mkdtemp, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { IDeployment } from 'kubernetes-models/apps/v1/Deployment'
import type { IHorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler'
import type { IIngress } from 'kubernetes-models/networking.k8s.io/v1/Ingress'
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy'
import type { IPodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget'
import type { IConfigMap } from 'kubernetes-models/v1/ConfigMap'
import type { INamespace } from 'kubernetes-models/v1/Namespace'
import type { IService } from 'kubernetes-models/v1/Service'
import type { IServiceAccount } from 'kubernetes-models/v1/ServiceAccount'
import { parseAllDocuments } from 'yaml'
import { featuresOf, type Selection } from '../../../generators/dist/features.js'
import { renderProject } from '../../../generators/dist/render.js'
import { must, root } from '../command.js'
import type { IHTTPRoute, IPodMonitor } from './crds.js'

export type Manifest =
  | IConfigMap
  | IDeployment
  | IHorizontalPodAutoscaler
  | IHTTPRoute
  | IIngress
  | INamespace
  | INetworkPolicy
  | IPodDisruptionBudget
  | IPodMonitor
  | IService
  | IServiceAccount

type Kind = Manifest['kind']

/** All of a kind. */
export function allOf<K extends Kind>(manifests: readonly Manifest[], kind: K) {
  return manifests.filter((one): one is Extract<Manifest, { kind: K }> => one.kind === kind)
}

/** The only one of a kind. @throws Error when there are none or several. */
export function theOf<K extends Kind>(manifests: readonly Manifest[], kind: K) {
  const [one, ...others] = allOf(manifests, kind)
  if (!one || others.length > 0)
    throw new Error(`there are ${others.length + (one ? 1 : 0)} ${kind}`)
  return one
}

/** The settings that the pods get. */
export const settingsOf = (manifests: readonly Manifest[]) =>
  theOf(manifests, 'ConfigMap').data ?? {}

/** Writes what a generated server is deployed with into a new folder, `changes` made to its texts. */
export async function writeDeploy(
  scratch: string,
  selection: Selection,
  changes: Record<string, (text: string) => string> = {},
): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'deploy-'))
  const files = await renderProject({
    name: 'my-server',
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: 'k',
      devKeyHash: '0'.repeat(64),
      devClientSecret: 's',
      devPassword: 'p',
      devStateKey: 's',
    },
  })
  for (const [path, { content }] of files) {
    if (!/^(deploy\/|package\.json$)/.test(path)) continue
    const text = (changes[path] ?? ((same) => same))(content.toString())
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

/** What `kubectl apply -k` would send. */
export async function rendered(folder: string, overlay: string): Promise<Manifest[]> {
  const path = `deploy/kubernetes/overlays/${overlay}`
  return parsed(await must('kubectl', ['kustomize', path], folder))
}

/** As Kubernetes reads YAML: 1.1, where 0440 is octal and `off` is no text. */
export const parsed = (text: string): Manifest[] =>
  parseAllDocuments(text, { version: '1.1' }).map((document) => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS()
  })
