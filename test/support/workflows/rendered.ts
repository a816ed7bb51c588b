import { join } from 'node:path'
import { parse } from 'yaml'
import { featuresOf, type Selection } from '../../../generators/dist/features.js'
import { renderProject } from '../../../generators/dist/render.js'
import { root } from '../command.js'

export interface Step {
  uses?: string
  run?: string
  env?: Record<string, string>
  with?: Record<string, unknown>
}

export interface Job {
  uses?: string
  needs?: string | string[]
  environment?: string
  permissions?: Record<string, string>
  'timeout-minutes'?: number
  concurrency?: { group: string; 'cancel-in-progress': boolean }
  strategy?: { matrix: Record<string, unknown[]> }
  steps?: Step[]
}

export interface Workflow {
  name: string
  on: Record<string, unknown>
  permissions?: unknown
  jobs: Record<string, Job>
}

/** GitLab's jobs, and what else stands beside them. */
export type Pipeline = Record<string, Record<string, unknown> | unknown[]>

/** Every text of a project by its path. */
export async function textsOf(selection: Selection): Promise<Map<string, string>> {
  const files = await renderProject({
    name: '@acme/my-server',
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: 'key',
      devKeyHash: 'hash',
      devClientSecret: 'secret',
      devPassword: 'secret',
      devStateKey: 'secret',
    },
  })
  return new Map([...files].map(([path, { content }]) => [path, content.toString()]))
}

export function workflowsOf(texts: Map<string, string>): [string, string, Workflow][] {
  return [...texts]
    .filter(([path]) => path.startsWith('.github/workflows/'))
    .map(([path, text]) => [path, text, parse(text) as Workflow])
}

/** GitLab's `!reference [job, key]` stays a list of both names. */
export function pipelineOf(texts: Map<string, string>): Pipeline {
  const reference = { tag: '!reference', collection: 'seq' as const }
  return parse(texts.get('.gitlab-ci.yml') ?? '', { customTags: [reference] }) as Pipeline
}

export const stepsOf = ({ jobs }: Workflow): Step[] =>
  Object.values(jobs).flatMap(({ steps = [] }) => steps)

/** The commands of a job, in their order. */
export const commandsOf = ({ steps = [] }: Job): string[] =>
  steps.flatMap(({ run }) => (run ? [run.trim()] : []))
