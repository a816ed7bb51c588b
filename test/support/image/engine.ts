import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { must, root } from '../command.js'

const here = join(root, 'test/support/image')

/** The bases that `make-bases.sh` makes, under names of their own: a real image is never replaced. */
export const bases = {
  NODE_IMAGE: 'localhost/mcp-prod-test/node:24',
  RUNTIME_IMAGE: 'localhost/mcp-prod-test/nodejs24:nonroot',
}

process.env.CONTAINERS_CONF ??= join(here, 'containers.conf')
// Root of a machine that is itself a container, too.
process.env.BUILDAH_ISOLATION ??= 'chroot'

/** Why no image can be built and run here, or undefined when it can. @throws Error as `problemOf` does. */
export function noContainers(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root'
  return problemOf([
    ['buildah', '--version'],
    ['runc', '--version'],
    ['apt-get', '--version'],
    ['podman', 'info'],
    ['unshare', '--mount', '--pid', '--fork', 'true'],
  ])
}

/**
 * What a machine says to the first of these that it cannot do.
 *
 * @throws Error instead for a program that is not there, where components are required. What the kernel forbids cannot be installed.
 */
export function problemOf(tries: readonly string[][]): string | undefined {
  for (const [program = '', ...args] of tries) {
    const { status, error, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    if (status === 0) continue
    const problem = `${program}: ${error?.message ?? stderr.trim()}`
    if (error && process.env.REQUIRE_COMPONENTS === '1') throw new Error(problem)
    return problem
  }
  return undefined
}

/** Makes what is missing of the bases, in half a minute. */
export async function needBases(): Promise<void> {
  const has = (tag: string) =>
    spawnSync('buildah', ['inspect', '--type', 'image', tag]).status === 0
  if (Object.values(bases).every(has)) return
  await must('bash', [join(here, 'make-bases.sh'), ...Object.values(bases)], here)
}

/** Builds a Dockerfile as it stands, on bases of this machine, and gives its image the tag. */
export function build(
  folder: string,
  tag: string,
  options: readonly string[] = [],
): Promise<string> {
  const args = Object.entries(bases).map(([name, image]) => `--build-arg=${name}=${image}`)
  const fixed = ['build', '--pull-never', '--network=host', ...args, `--tag=${tag}`]
  return must('buildah', [...fixed, ...options, '.'], folder)
}

interface ImageConfig {
  User?: string
  Entrypoint?: string[]
  Cmd?: string[]
  Labels?: Record<string, string>
  ExposedPorts?: Record<string, unknown>
  Env?: string[]
  Healthcheck?: unknown
}

export async function configOf(tag: string): Promise<ImageConfig> {
  const [found] = JSON.parse(await must('podman', ['image', 'inspect', tag], here))
  return { ...found.Config, Healthcheck: found.HealthCheck ?? found.Healthcheck }
}

/** As the manifests and compose.yaml lock a container up; `/tmp` cannot be written to either. */
export const lockedUp = [
  'run',
  '--rm',
  '--network=host',
  '--no-healthcheck',
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop=ALL',
  '--security-opt=no-new-privileges',
  '--memory=256m',
  '--cpus=0.5',
]
