import { spawnSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parse } from 'yaml'
import { featuresOf, type Selection } from '../../../generators/dist/features.js'
import { renderProject } from '../../../generators/dist/render.js'
import { root } from '../command.js'

export type Texts = Map<string, string>

/** What a project has for those who watch it, by path: its rules, dashboard, runbook and compose file. */
export async function monitoringOf(selection: Selection): Promise<Texts> {
  const files = await renderProject({
    name: 'my-server',
    features: { ...featuresOf(selection), vendor: false },
    templates: join(root, 'templates'),
    values: {
      devKey: 'made-anew',
      devKeyHash: '0'.repeat(64),
      devClientSecret: 'made-anew',
      devPassword: 'made-anew',
      devStateKey: 'made-anew-each-time-and-32-bytes-long',
    },
  })
  const wanted = /^(deploy\/.*|RUNBOOK\.md|compose\.yaml)$/
  return new Map(
    [...files]
      .filter(([path]) => wanted.test(path))
      .map(([path, { content }]) => [path, content.toString()]),
  )
}

/** @throws Error for a file that is not there. */
export function textOf(texts: Texts, path: string): string {
  const text = texts.get(path)
  if (text === undefined) throw new Error(`${path} is not among ${[...texts.keys()].join(', ')}`)
  return text
}

export async function writeTexts(folder: string, texts: Texts): Promise<void> {
  for (const [path, text] of texts) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

export interface Alert {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

interface Rule extends Partial<Alert> {
  record?: string
  expr: string
}

export function rulesOf(texts: Texts): Rule[] {
  const { groups } = parse(textOf(texts, 'deploy/prometheus/alerts.yml')) as {
    groups: { rules: Rule[] }[]
  }
  return groups.flatMap(({ rules }) => rules)
}

export const alertsOf = (texts: Texts): Alert[] =>
  rulesOf(texts).filter((rule): rule is Alert => rule.alert !== undefined)

/** The names of the sections of a runbook that are about an alert. */
export const sectionsOf = (texts: Texts): string[] =>
  [...textOf(texts, 'RUNBOOK.md').matchAll(/^## (Mcp\w+)$/gm)].map(([, name = '']) => name)

/** Alertmanager before 0.26 does not know `url_file`, which is Debian's: the URL itself stands there then. */
export function withWebhook(config: string, url: string): string {
  return config.replace(/url_file: .*/, `url: ${url}`)
}

/** Runs a checker. Its words, and whether it was content. */
export function checked(command: string, args: readonly string[], cwd: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { ok: status === 0, said: `${error?.message ?? ''}${stdout}${stderr}` }
}
