import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cluster } from './support/kubernetes/cluster.js'
import { cannot } from './support/kubernetes/kubectl.js'
import { writeDeploy } from './support/kubernetes/manifests.js'
import { podOf } from './support/kubernetes/pods.js'

const IMAGE = `registry.example.com:5000/acme/my-server@sha256:${'a'.repeat(64)}`

let scratch: string
let folder: string
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'kubernetes-scripts-'))
  folder = await writeDeploy(scratch, {})
})
afterAll(() => rm(scratch, { recursive: true, force: true }))

describe.skipIf(cannot)('the scripts that deploy and roll back', () => {
  const undone = (calls: string[]) => calls.filter((call) => call.includes('rollout undo'))

  it('deploy an image, and name it in the history', async () => {
    const { run, calls, applied } = await cluster(scratch, folder)
    const { code, said } = run('deploy', 'production', IMAGE)
    expect(code, said).toBe(0)
    const { deployment, container } = podOf(await applied())
    expect(container.image).toBe(IMAGE)
    expect(deployment.metadata?.annotations).toEqual({ 'kubernetes.io/change-cause': IMAGE })
    expect(await calls()).toEqual([
      expect.stringMatching(/^apply -k /),
      '--namespace my-server-production rollout status deployment/my-server --timeout=15m',
    ])
    const left = await readdir(join(folder, 'deploy/kubernetes/overlays'))
    expect(left.sort()).toEqual(['dev', 'production', 'production-canary', 'staging'])
  })

  it('deploy a canary beside what is there', async () => {
    const { run, calls, applied } = await cluster(scratch, folder)
    expect(run('deploy', 'production-canary', IMAGE).code).toBe(0)
    expect((await applied()).map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment'])
    expect((await calls()).at(-1)).toContain('rollout status deployment/my-server-canary ')
  })

  it('take back what does not become ready, to the revision of before', async () => {
    const { run, calls } = await cluster(scratch, folder, { is: ['stuck'] })
    const { code, said } = run('deploy', 'staging', IMAGE)
    expect(code).toBe(1)
    expect(said).toContain('back to revision 7')
    const all = await calls()
    const on = '--namespace my-server-staging'
    const applied = 'kubectl.kubernetes.io/last-applied-configuration={"of":"before"}'
    expect(all.slice(-3)).toEqual([
      `${on} rollout undo deployment/my-server --to-revision=7`,
      `${on} annotate --overwrite deployment/my-server ${applied}`,
      `${on} rollout status deployment/my-server --timeout=15m`,
    ])
    expect(said).toContain('a rollback without a number would go to 8, which has failed')
  })

  it('take back what was applied in part', async () => {
    const { run, calls } = await cluster(scratch, folder, { is: ['refuses'] })
    expect(run('deploy', 'staging', IMAGE).code).toBe(1)
    expect(undone(await calls())).toHaveLength(1)
  })

  it.each([
    ['of the first deploy', { revision: '', is: ['stuck'] as const }, 'no revision to go back to'],
    ['when nothing was changed', { is: ['refuses', 'unchanged'] as const }, 'still what was there'],
  ])('take nothing back %s', async (_when, { is, ...options }, words) => {
    const { run, calls } = await cluster(scratch, folder, { ...options, is: [...is] })
    const { code, said } = run('deploy', 'staging', IMAGE)
    expect(code).toBe(1)
    expect(said).toContain(words)
    expect(undone(await calls())).toEqual([])
  })

  it.each([
    'my-server',
    'registry.example.com:5000/my-server',
    'my-server:latest',
    "my-server:1', value: x",
    'my-server:1\nmalicious: true',
    'my-server:',
  ])('deploy no image %j', async (image) => {
    const { run, calls } = await cluster(scratch, folder)
    expect(run('deploy', 'production', image).code).toBe(2)
    expect(await calls()).toEqual([])
  })

  it('do nothing in an environment that there is not', async () => {
    const { run, calls } = await cluster(scratch, folder)
    for (const words of [[], ['nowhere']]) {
      expect(run('deploy', ...words, IMAGE).code).not.toBe(0)
      expect(run('rollback', ...words).code).not.toBe(0)
    }
    expect(await calls()).toEqual([])
  })

  it('go back by one revision or to one, and wait', async () => {
    const { run, calls } = await cluster(scratch, folder)
    expect(run('rollback', 'production').code).toBe(0)
    expect(run('rollback', 'production', '5').code).toBe(0)
    const on = '--namespace my-server-production'
    const history = `${on} rollout history deployment/my-server`
    const status = `${on} rollout status deployment/my-server --timeout=15m`
    expect(await calls()).toEqual([
      history,
      `${on} rollout undo deployment/my-server`,
      status,
      history,
      `${on} rollout undo deployment/my-server --to-revision=5`,
      status,
    ])
  })
})
