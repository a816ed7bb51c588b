import { allOf } from './manifests.js'
import { podOf, type Rule, type Subject, selects } from './pods.js'
import { networkRules } from './rules-network.js'
import { rolloutRules } from './rules-rollout.js'
import { securityRules } from './rules-security.js'

/** Names of what refers to pods and finds none. */
const selectors: Rule = ({ manifests }) => {
  const { deployment, labels } = podOf(manifests)
  const { spec } = deployment
  const of = (matchLabels?: Record<string, string>) => selects(matchLabels, labels)
  return [
    !of(spec?.selector.matchLabels) && 'the Deployment does not select its pods',
    ...allOf(manifests, 'Service').map(
      ({ spec }) => !of(spec?.selector) && 'the Service selects no pod',
    ),
    ...allOf(manifests, 'PodDisruptionBudget').map(
      ({ spec }) => !of(spec?.selector?.matchLabels) && 'the budget selects no pod',
    ),
    ...allOf(manifests, 'NetworkPolicy').map(
      ({ metadata, spec }) =>
        !of(spec?.podSelector?.matchLabels) && `the policy ${metadata?.name} selects no pod`,
    ),
    ...allOf(manifests, 'PodMonitor').map(
      ({ spec }) => !of(spec.selector.matchLabels) && 'the PodMonitor selects no pod',
    ),
  ]
}

/** Of everywhere but a developer's cluster. */
const servedOnly = new Set(['D2 replicas', 'D2 disruption budget', 'gateway', 'monitoring'])

const rules: Record<string, Rule> = {
  selectors,
  ...rolloutRules,
  ...securityRules,
  ...networkRules,
}

/** Faults by the rule that they break. A manifest that a rule cannot even look at breaks it. */
export function faultsOf(subject: Subject, isServed: boolean): Record<string, string[]> {
  const found: [string, string[]][] = []
  for (const [name, rule] of Object.entries(rules)) {
    if (!isServed && servedOnly.has(name)) continue
    let faults: ReturnType<Rule>
    try {
      faults = rule(subject)
    } catch (error) {
      faults = [(error as Error).message]
    }
    const told = faults.filter((fault): fault is string => typeof fault === 'string')
    if (told.length > 0) found.push([name, told])
  }
  return Object.fromEntries(found)
}
