import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { strangersEnv } from '../command.js'
import { type Manifest, parsed } from './manifests.js'

/** Renders with the real kubectl. What only a cluster can say is what the test has written down. */
const KUBECTL = `#!/bin/sh
echo "$*" >>"$CLUSTER/calls"
case "$*" in
  'apply -k '*)
    "$REAL_KUBECTL" kustomize "$3" >"$CLUSTER/applied.yaml" || exit 1
    [ -e "$CLUSTER/unchanged" ] || echo 8 >"$CLUSTER/revision"
    [ ! -e "$CLUSTER/refuses" ] ;;
  *' get deployment '*last-applied-configuration*) echo '{"of":"before"}' ;;
  *' get deployment '*jsonpath*) cat "$CLUSTER/revision" ;;
  *' rollout status '*) [ ! -e "$CLUSTER/stuck" ] || [ -e "$CLUSTER/undone" ] ;;
  *' rollout undo '*) touch "$CLUSTER/undone" ;;
  'config current-context') echo test ;;
esac
`

export interface Cluster {
  /** Runs one of the scripts beside the manifests. */
  run: (script: 'deploy' | 'rollback', ...words: string[]) => { code: number | null; said: string }
  /** What kubectl was asked to change or to wait for. */
  calls: () => Promise<string[]>
  /** What was applied last. */
  applied: () => Promise<Manifest[]>
}

/**
 * Stands for a cluster, none of which can be started here, in front of the scripts. `stuck`: no pod becomes ready
 * until it is undone; `refuses`: apply fails; `unchanged`: and nothing is changed.
 */
export async function cluster(
  scratch: string,
  folder: string,
  {
    revision = '7',
    is = [],
  }: { revision?: string; is?: ('stuck' | 'refuses' | 'unchanged')[] } = {},
): Promise<Cluster> {
  const state = await mkdtemp(join(scratch, 'cluster-'))
  await mkdir(join(state, 'bin'))
  await writeFile(join(state, 'bin/kubectl'), KUBECTL, { mode: 0o755 })
  await writeFile(join(state, 'revision'), revision)
  for (const name of is) await writeFile(join(state, name), '')
  const real = spawnSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).stdout.trim()
  const env = {
    ...strangersEnv(),
    CLUSTER: state,
    REAL_KUBECTL: real,
    PATH: `${join(state, 'bin')}${delimiter}${process.env.PATH}`,
  }
  return {
    run(script, ...words) {
      const { status, stdout, stderr } = spawnSync(
        'sh',
        [`deploy/kubernetes/${script}.sh`, ...words],
        { cwd: folder, env, encoding: 'utf8' },
      )
      return { code: status, said: stdout + stderr }
    },
    async calls() {
      const path = join(state, 'calls')
      const lines = existsSync(path) ? (await readFile(path, 'utf8')).trim().split('\n') : []
      return lines.filter((line) => /apply|rollout|annotate/.test(line))
    },
    applied: async () => parsed(await readFile(join(state, 'applied.yaml'), 'utf8')),
  }
}
