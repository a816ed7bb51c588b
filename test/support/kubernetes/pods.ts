import { type Manifest, theOf } from './manifests.js'
import type { ServerView } from './server.js'

export interface Subject {
  manifests: readonly Manifest[]
  server: ServerView
}

/** What is wrong, by a rule; nothing where it is kept. */
export type Rule = (subject: Subject) => (string | false | undefined)[]

/** The pods' part of the only Deployment. */
export function podOf(manifests: readonly Manifest[]) {
  const deployment = theOf(manifests, 'Deployment')
  const template = deployment.spec?.template
  const pod = template?.spec
  const [container, ...others] = pod?.containers ?? []
  if (!template || !pod || !container || others.length > 0) throw new Error('not one container')
  return { deployment, pod, container, labels: template.metadata?.labels ?? {} }
}

export function selects(selector: Record<string, string> = {}, labels: Record<string, string>) {
  const wanted = Object.entries(selector)
  return wanted.length > 0 && wanted.every(([name, value]) => labels[name] === value)
}
