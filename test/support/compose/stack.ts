import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { must, root } from '../command.js'
import { noContainers, problemOf } from '../image/engine.js'
import { startChild, waitFor } from '../rolling/child.js'
import { startNamespace } from './namespace.js'

const prefix = 'localhost/mcp-prod-test'
const standIns = ['haproxy', 'redis', 'prometheus']

/** Why it cannot be tried here, or undefined when it can. @throws Error as `problemOf` does. */
export function noCompose(): string | undefined {
  return (
    noContainers() ??
    problemOf([
      ['docker-compose', 'version'],
      ['iptables', '--version'],
      ['unshare', '--net', '--mount', 'iptables', '-t', 'nat', '-L'],
    ])
  )
}

/** Images of this machine in place of those of a registry; the Dockerfile's bases too. */
export async function standInsFor(slug: string): Promise<string> {
  const has = (name: string) =>
    spawnSync('buildah', ['inspect', '--type', 'image', `${prefix}/${name}`]).status === 0
  if (!standIns.every(has))
    await must('bash', [join(root, 'test/support/compose/make-images.sh'), prefix], root)
  const service = (name: string, image: string) => `  ${name}:\n    image: ${image}\n`
  return `services:\n${[
    service(slug, `${prefix}/compose:test`),
    service('proxy', `${prefix}/haproxy`),
    service('redis', `${prefix}/redis`),
    service('prometheus', `${prefix}/prometheus`),
  ].join('')}`
}

export interface Stack {
  /** The first part of each container's name. */
  project: string
  /** Runs a program where the ports are, and gives what it prints. */
  run: (program: string, ...args: string[]) => Promise<string>
  compose: (...args: string[]) => Promise<string>
  /** Names of its containers, each with its state. */
  states: () => Promise<Record<string, string>>
  down: () => Promise<void>
}

/**
 * The file's services, by docker-compose on podman's socket. Podman leaves health checks to systemd, which is not
 * everywhere: here they are run each second.
 */
export async function startStack(folder: string, slug: string): Promise<Stack> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-prod-compose-'))
  // Other runs on this machine share podman's names.
  const project = `mcp-prod-test-${randomBytes(4).toString('hex')}`
  const override = join(home, 'override.yaml')
  await writeFile(override, await standInsFor(slug))
  const named = [`--project-name=${project}`]
  const namespace = await startNamespace()
  const socket = `unix://${join(home, 'podman.sock')}`
  const [enter = '', ...words] = namespace.inside(folder)
  const run = (program: string, ...args: string[]) =>
    must(enter, [...words, program, ...args], folder)
  const service = startChild(enter, [...words, 'podman', 'system', 'service', '--time=0', socket], {
    end: 'SIGTERM',
  })
  await waitFor('the socket of podman', service, async () => {
    await run('docker-compose', `--host=${socket}`, ...named, '--file=compose.yaml', 'ps')
    return true
  })
  const compose = (...args: string[]) =>
    run(
      'docker-compose',
      `--host=${socket}`,
      ...named,
      '--file=compose.yaml',
      `--file=${override}`,
      ...args,
    )
  const own = `--filter=label=com.docker.compose.project=${project}`
  const checks = { on: true }
  const checking = (async () => {
    while (checks.on) {
      const ids = (await run('podman', 'ps', '--quiet', own)).trim().split('\n').filter(Boolean)
      // Its answer is kept by podman; a check that fails is no failure here.
      await Promise.allSettled(ids.map((id) => run('podman', 'healthcheck', 'run', id)))
      await sleep(1_000)
    }
  })()
  return {
    project,
    run,
    compose,
    async states() {
      const listed = await run('podman', 'ps', '--all', own, '--format={{.Names}}={{.Status}}')
      return Object.fromEntries(
        listed
          .trim()
          .split('\n')
          .map((line) => line.split('=')),
      )
    },
    async down() {
      checks.on = false
      await checking
      await compose('down', '--volumes', '--timeout=5')
      service.process.kill('SIGTERM')
      await service.exited
      await namespace.end()
      await rm(home, { recursive: true })
    },
  }
}
